/* The event loop. See loop.h for what it promises. */
#include "base/loop.h"

#include "base/cleanup.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* One round's worth; what does not fit is reported by the next round. */
#define ROUND_MAX 64

int loop_init(struct loop *loop)
{
    *loop = (struct loop){.epoll_fd = -1, .wake_fd = -1};
    list_init(&loop->deferred);
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0)
        return -errno;
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN}; /* data.ptr NULL: the wake-up itself */
    if (loop->wake_fd < 0 || epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &event) < 0) {
        int error = -errno;
        loop_deinit(loop);
        return error;
    }
    return 0;
}

void loop_deinit(struct loop *loop)
{
    fd_clear(&loop->wake_fd);
    fd_clear(&loop->epoll_fd);
}

static void run_deferred(struct loop *loop)
{
    uint64_t count;
    /* Cleared first: what is scheduled from here on wakes the next round. */
    if (read(loop->wake_fd, &count, sizeof(count)) < 0)
        return;
    struct list work;
    list_init(&work);
    while (!list_is_empty(&loop->deferred)) {
        struct list *link = loop->deferred.next;
        list_remove(link);
        list_append(&work, link);
    }
    while (!list_is_empty(&work)) {
        struct deferred *deferred = container_of(work.next, struct deferred, link);
        list_remove(&deferred->link);
        deferred->fn(deferred);
    }
}

static int wait_for_events(struct loop *loop, struct epoll_event *events, int timeout_ms)
{
    int n = 0;
    while (loop->spin_until > 0 && timeout_ms != 0 && n == 0) {
        n = epoll_wait(loop->epoll_fd, events, ROUND_MAX, 0);
        if (n == 0 && monotonic_ns() >= loop->spin_until)
            loop->spin_until = 0;
    }
    return n != 0 ? n : epoll_wait(loop->epoll_fd, events, ROUND_MAX, timeout_ms);
}

int loop_dispatch(struct loop *loop, int timeout_ms)
{
    struct epoll_event events[ROUND_MAX];
    int n = wait_for_events(loop, events, timeout_ms);
    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < n; i++) {
        struct watch *watch = events[i].data.ptr;
        loop->due = events + i + 1;
        loop->n_due = n - i - 1;
        if (watch)
            watch->fn(watch, events[i].events);
        else if (events[i].events)
            run_deferred(loop);
    }
    loop->n_due = 0;
    return 0;
}

int loop_run(struct loop *loop)
{
    int r = 0;
    loop->stopped = false;
    while (!loop->stopped && r >= 0)
        r = loop_dispatch(loop, -1);
    return r;
}

void loop_stop(struct loop *loop)
{
    loop->stopped = true;
}

void loop_spin(struct loop *loop, uint64_t ns)
{
    loop->spin_until = monotonic_ns() + ns;
}

int watch_add(struct loop *loop, struct watch *watch, int fd, uint32_t events, watch_fn *fn)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        return -errno;
    *watch = (struct watch){.loop = loop, .fd = fd, .fn = fn};
    return 0;
}

int watch_change(struct watch *watch, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};
    if (epoll_ctl(watch->loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event) < 0)
        return -errno;
    return 0;
}

void watch_remove(struct watch *watch)
{
    struct loop *loop = watch->loop;
    if (!loop)
        return;
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
    /* It may be due in the round being dispatched: with no events it is passed over. */
    for (int i = 0; i < loop->n_due; i++)
        if (loop->due[i].data.ptr == watch)
            loop->due[i] = (struct epoll_event){0};
    watch->loop = NULL;
}

static void timer_expired(struct watch *watch, uint32_t events)
{
    (void)events;
    struct timer *timer = container_of(watch, struct timer, watch);
    uint64_t count;
    /* Fails where it was rearmed or disarmed earlier in this round. */
    if (read(watch->fd, &count, sizeof(count)) == sizeof(count))
        timer->fn(timer);
}

int timer_init(struct loop *loop, struct timer *timer, timer_fn *fn)
{
    *timer = (struct timer){.fn = fn};
    _cleanup_close_ int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    int r = watch_add(loop, &timer->watch, fd, EPOLLIN, timer_expired);
    if (r < 0)
        return r;
    fd_steal(&fd);
    return 0;
}

void timer_deinit(struct timer *timer)
{
    if (!timer->watch.loop)
        return;
    int fd = timer->watch.fd;
    watch_remove(&timer->watch);
    close(fd);
}

static void timer_set(struct timer *timer, uint64_t ns)
{
    if (!timer->watch.loop)
        return;
    struct itimerspec spec = {
        .it_value = {.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)}};
    timerfd_settime(timer->watch.fd, 0, &spec, NULL);
}

void timer_arm(struct timer *timer, uint64_t ns)
{
    timer_set(timer, ns ? ns : 1);
}

void timer_disarm(struct timer *timer)
{
    timer_set(timer, 0);
}

void deferred_init(struct deferred *deferred, deferred_fn *fn)
{
    deferred->fn = fn;
    list_init(&deferred->link);
}

void deferred_schedule(struct loop *loop, struct deferred *deferred)
{
    if (!list_is_empty(&deferred->link))
        return;
    list_append(&loop->deferred, &deferred->link);
    eventfd_write(loop->wake_fd, 1);
}

void deferred_cancel(struct deferred *deferred)
{
    list_remove(&deferred->link);
}

uint64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}
