/* A call that waits for its run. */
#include "call.h"

#include "base/cleanup.h"
#include "where.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Return values of the protocol's section 8. */
#define RETVAL_UNAVAILABLE 251
#define RETVAL_FAILED      254

/* For the hand-over, or a router's answer to a signal. */
#define UNREAD_NS (2 * NS_PER_S)

static const struct studentrun_call nothing_asked;

/* --- SIGPIPE, which would kill a program that has not thought of it --- */

static void hold_sigpipe(struct call *call)
{
    struct sigaction action;
    sigset_t pipe, pending;
    sigemptyset(&pipe);
    call->holds_sigpipe = sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL;
    if (!call->holds_sigpipe)
        return;
    sigaddset(&pipe, SIGPIPE);
    sigpending(&pending);
    call->had_sigpipe = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe, &call->mask);
}

static void release_sigpipe(struct call *call)
{
    const struct timespec now = {0};
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    if (!call->holds_sigpipe)
        return;
    if (!call->had_sigpipe)
        while (sigtimedwait(&pipe, NULL, &now) < 0 && errno == EINTR)
            ;
    pthread_sigmask(SIG_SETMASK, &call->mask, NULL);
}

/* --- events --- */

static void end(struct call *call, const struct studentrun_result *result)
{
    call->result = *result;
    if (result->reason)
        snprintf(call->reason, sizeof(call->reason), "%s", result->reason);
    call->result.reason = result->reason ? call->reason : NULL;
    call->is_ended = true;
}

static void on_started(struct studentrun *run, const char *container_id, void *userdata)
{
    (void)run, (void)container_id, (void)userdata;
}

static void on_handed_over(struct studentrun *run, void *userdata)
{
    (void)run, (void)userdata;
}

static void on_ssh_ready(struct studentrun *run, const struct studentrun_ssh_login *login,
                         void *userdata)
{
    (void)run;
    const struct call *call = userdata;
    if (call->asked->ssh_ready)
        call->asked->ssh_ready(login, call->asked->userdata);
}

static void on_ended(struct studentrun *run, const struct studentrun_result *result, void *userdata)
{
    (void)run;
    struct call *call = userdata;
    call->run_has_ended = true;
    end(call, result);
}

/* The next signal is taken when this one has gone. */
static void tell_signal(struct call *call)
{
    int signal = call->passing;
    call->passing = 0;
    timer_disarm(&call->unread);
    watch_change(&call->signals_watch, EPOLLIN);
    if (call->asked->signalled)
        call->asked->signalled(signal, call->asked->userdata);
}

static void on_engine(struct watch *watch, uint32_t events)
{
    (void)events;
    struct call *call = container_of(watch, struct call, engine_watch);
    studentrun_engine_dispatch(call->engine);
    if (call->is_ended || !studentrun_signals_are_read(call->run))
        return;
    call->is_slow = false;
    if (call->passing)
        tell_signal(call);
}

/* It is waited for once: the signals behind this one may be of those that stop the process. */
static void on_unread(struct timer *timer)
{
    struct call *call = container_of(timer, struct call, unread);
    call->is_slow = true;
    if (call->passing && !call->is_ended)
        tell_signal(call);
}

static bool must_wait(const struct call *call)
{
    return call->asked->signalled && !call->is_slow && !studentrun_signals_are_read(call->run);
}

static void on_signals(struct watch *watch, uint32_t events)
{
    (void)events;
    struct call *call = container_of(watch, struct call, signals_watch);
    int signal = signals_next(&call->signals);
    if (call->is_ended || signal == 0)
        return;
    int r = studentrun_signal(call->run, signal);
    if (r < 0 && r != -ESRCH) /* one of too many; where the command has ended, it is told of */
        return;
    studentrun_engine_dispatch(call->engine);
    if (call->is_ended)
        return;
    call->passing = signal;
    if (!must_wait(call)) {
        tell_signal(call);
        return;
    }
    watch_change(watch, 0);
    timer_arm(&call->unread, UNREAD_NS);
}

static void on_agent_died(struct watch *watch, uint32_t events)
{
    (void)events;
    struct call *call = container_of(watch, struct call, agent_watch);
    watch_remove(watch);
    studentrun_engine_router_died(call->engine, "the agent died");
}

/* --- its parts --- */

int call_open(struct call *call, const struct studentrun_call *asked)
{
    *call = (struct call){.asked = asked ? asked : &nothing_asked,
                          .signals = {.ends = {-1, -1}},
                          .loop = {.epoll_fd = -1, .wake_fd = -1},
                          .was_opened = true};
    hold_sigpipe(call);
    int r = signals_open(&call->signals);
    /* Before anything takes time: what is sent from now on waits in the pipe. */
    if (r == 0 && call->asked->signals)
        call->asked->signals(&call->signals, call->asked->userdata);
    if (r == 0)
        r = loop_init(&call->loop);
    return r;
}

/* 1: there can be none, and the run has ended by that. */
static int find_router(struct call *call, const char **ret_sockets)
{
    *ret_sockets = where_router(call->asked);
    if (*ret_sockets)
        return 0;
    int r = where_new_agent(&call->asked->agent, &call->agent, call->reason, sizeof(call->reason));
    if (r == -ENOMEM)
        return r;
    if (r < 0) {
        const struct studentrun_result result = {
            .retval = RETVAL_UNAVAILABLE, .termination = "unavailable", .reason = call->reason};
        call->result = result;
        call->is_ended = true;
        return 1;
    }
    *ret_sockets = studentrun_agent_sockets(call->agent);
    return 0;
}

static int watch_all(struct call *call)
{
    struct loop *loop = &call->loop;
    int r = watch_add(loop, &call->engine_watch, studentrun_engine_fd(call->engine), EPOLLIN,
                      on_engine);
    if (r == 0 && call->agent)
        r = watch_add(loop, &call->agent_watch, studentrun_agent_fd(call->agent), EPOLLIN,
                      on_agent_died);
    if (r == 0)
        r = timer_init(loop, &call->unread, on_unread);
    if (r == 0)
        r = watch_add(loop, &call->signals_watch, call->signals.ends[0], EPOLLIN, on_signals);
    return r;
}

static void close_taken(const int fds[3])
{
    for (int i = 0; i < 3; i++)
        if (fds[i] >= 0 && (i < 1 || fds[i] != fds[0]) && (i < 2 || fds[i] != fds[1]))
            close(fds[i]);
}

/* Before an agent is started for it. A session by ssh may be all that is wanted. */
static int check(const struct studentrun_request *request)
{
    if (request->ssh)
        return 0;
    if (!request->command)
        return -EINVAL;
    int r = studentrun_command_check(request->command, strlen(request->command));
    return r == -EAGAIN ? -EINVAL : r;
}

int call_start(struct call *call, const struct studentrun_request *request, const int fds[3])
{
    static const struct studentrun_events events = {.started = on_started,
                                                    .handed_over = on_handed_over,
                                                    .ssh_ready = on_ssh_ready,
                                                    .ended = on_ended};
    struct studentrun_request ours = *request;
    struct studentrun_options options = call->asked->options;
    options.max_runs = 1;
    int r = check(request);
    if (r == 0)
        r = find_router(call, &options.sockets_dir);
    if (r > 0)
        close_taken(fds);
    if (r != 0)
        return r < 0 ? r : 0;
    memcpy(ours.fds, fds, sizeof(ours.fds));
    if (!ours.working_dir)
        ours.working_dir = call->working_dir = where_student(call->asked);
    if (!ours.working_dir)
        return -ENOMEM;
    r = studentrun_engine_new(&options, &call->engine);
    if (r == 0)
        r = studentrun_start(call->engine, &ours, &events, call, &call->run);
    return r < 0 ? r : watch_all(call);
}

void call_wait(struct call *call)
{
    while (!call->is_ended) {
        int r = loop_dispatch(&call->loop, -1);
        if (r < 0 && r != -EINTR) {
            const struct studentrun_result result = {
                .retval = RETVAL_FAILED, .termination = "failed", .reason = strerror(-r)};
            end(call, &result);
        }
    }
}

/*
 * ZeroMQ's threads take a millisecond to take leave of each other, a fifth of all that a command
 * takes. Kept here, so that nobody calls it lost.
 */
static struct studentrun_engine *left;

/* A run that has ended has no files any more, and its engine keeps it. */
static void close_engine(struct call *call)
{
    if (!call->asked->is_last || !call->run_has_ended)
        studentrun_free(call->run);
    if (call->asked->is_last)
        left = call->engine;
    else
        studentrun_engine_free(call->engine);
}

void call_close(struct call *call)
{
    if (!call->was_opened)
        return;
    watch_remove(&call->signals_watch);
    timer_deinit(&call->unread);
    watch_remove(&call->engine_watch);
    watch_remove(&call->agent_watch);
    close_engine(call);
    studentrun_agent_free(call->agent);
    free(call->working_dir);
    if (call->asked->signals && call->signals.ends[0] >= 0)
        call->asked->signals(NULL, call->asked->userdata);
    signals_close(&call->signals);
    loop_deinit(&call->loop);
    release_sigpipe(call);
}

void call_tell(const struct call *call, struct studentrun_result *ret_result)
{
    static _Thread_local char reason[CALL_REASON_MAX];
    if (!ret_result)
        return;
    *ret_result = call->result;
    if (call->result.reason)
        ret_result->reason = strcpy(reason, call->reason);
}
