/*
 * The event loop: epoll over watches that are embedded in their owners.
 *
 * Everything that can happen is a descriptor: timers are timerfds, signals signalfds,
 * children pidfds. A watch may be removed at any time, also from its own or another
 * watch's callback in the same round; its callback is then not called again. The loop
 * has one descriptor of its own, so that one loop can be watched by another.
 */
#pragma once

#include "list.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct loop {
    int epoll_fd;
    int wake_fd;             /* readable while something is deferred */
    struct list deferred;    /* of struct deferred */
    struct epoll_event *due; /* the rest of the round being dispatched */
    int n_due;
    bool stopped;
    uint64_t spin_until; /* monotonic_ns(); 0: not */
};

struct watch;
typedef void watch_fn(struct watch *watch, uint32_t events);

struct watch {
    struct loop *loop; /* NULL while it is not watched */
    int fd;            /* borrowed */
    watch_fn *fn;
};

struct timer;
typedef void timer_fn(struct timer *timer);

struct timer {
    struct watch watch;
    timer_fn *fn;
};

struct deferred;
typedef void deferred_fn(struct deferred *deferred);

/* Work for the next round: what must not happen inside the call that found it. */
struct deferred {
    struct list link;
    deferred_fn *fn;
};

int loop_init(struct loop *loop);
void loop_deinit(struct loop *loop);

/* Waits at most timeout_ms (-1: for ever, 0: not at all) and dispatches one round. */
int loop_dispatch(struct loop *loop, int timeout_ms);
/* Dispatches until loop_stop(). */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
/*
 * For the next ns nanoseconds loop_run() asks what has happened instead of sleeping until
 * something has: to be woken on another CPU takes longer than most answers. It costs CPU time that
 * others may want: for moments in which the next event is as good as there.
 */
void loop_spin(struct loop *loop, uint64_t ns);

/* Watches the borrowed fd for EPOLL* events, level-triggered. */
int watch_add(struct loop *loop, struct watch *watch, int fd, uint32_t events, watch_fn *fn);
int watch_change(struct watch *watch, uint32_t events);
/* Harmless on a watch that is not watched (zeroed or removed). Call before closing the fd. */
void watch_remove(struct watch *watch);

/* CLOCK_MONOTONIC, one shot. A zeroed timer may be disarmed and deinited. */
int timer_init(struct loop *loop, struct timer *timer, timer_fn *fn);
void timer_deinit(struct timer *timer);
/* Fires once, after ns nanoseconds (at least 1); replaces an earlier deadline. */
void timer_arm(struct timer *timer, uint64_t ns);
void timer_disarm(struct timer *timer);

void deferred_init(struct deferred *deferred, deferred_fn *fn);
void deferred_schedule(struct loop *loop, struct deferred *deferred);
void deferred_cancel(struct deferred *deferred);

#define NS_PER_S  UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_US UINT64_C(1000)

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t monotonic_ns(void);
