/* The kernel's tables: as many entries as it gives. Each then waits, so that it keeps them. */
#include "hostile.h"

#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* Says what it got; waits to be killed. */
static int keep(const char *what, long n)
{
    printf("%s %ld\n", what, n);
    fflush(stdout);
    while (pause() < 0)
        ;
    return 9;
}

static int open_null(void)
{
    return open("/dev/null", O_RDONLY);
}

static int open_eventfd(void)
{
    return eventfd(0, 0);
}

static int open_timer(void)
{
    return timerfd_create(CLOCK_MONOTONIC, 0);
}

static int open_terminal(void)
{
    return posix_openpt(O_RDWR | O_NOCTTY);
}

/* In forty processes at a time, each up to its own bound. */
static int take_all(const char *what, int (*take)(void))
{
    for (int i = 1; i < 40; i++)
        if (fork() == 0) {
            while (take() >= 0)
                ;
            for (;;)
                pause();
        }
    long n = 0;
    while (take() >= 0)
        n++;
    return keep(what, n);
}

static int do_descriptors(const char *argument)
{
    (void)argument;
    return take_all("descriptors", open_null);
}

static int do_eventfds(const char *argument)
{
    (void)argument;
    return take_all("eventfds", open_eventfd);
}

static int do_timers(const char *argument)
{
    (void)argument;
    return take_all("timers", open_timer);
}

static int do_terminals(const char *argument)
{
    (void)argument;
    return take_all("terminals", open_terminal);
}

static int do_inotify(const char *argument)
{
    (void)argument;
    return take_all("inotify", inotify_init);
}

static int do_queues(const char *argument)
{
    long n = 0;
    (void)argument;
    for (;; n++) {
        char name[32];
        snprintf(name, sizeof(name), "/x%ld", n);
        if (mq_open(name, O_CREAT | O_RDWR, 0600, NULL) == (mqd_t)-1)
            return keep("queues", n);
    }
}

static int do_signals(const char *argument)
{
    sigset_t all;
    long n = 0;
    (void)argument;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    while (n < 1000000 && sigqueue(getpid(), SIGRTMIN, (union sigval){0}) == 0)
        n++;
    return keep("signals", n);
}

const struct attack table_attacks[] = {{"descriptors", do_descriptors}, {"eventfds", do_eventfds},
                                       {"timers", do_timers},           {"terminals", do_terminals},
                                       {"inotify", do_inotify},         {"queues", do_queues},
                                       {"signals", do_signals},         {0}};
