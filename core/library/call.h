/*
 * A call that waits for its run: an engine, an agent where there is no router, the run, and the
 * loop that they are on.
 *
 *   call_open ── call_start ── call_wait ── call_close
 *
 * All of it belongs to the calling thread, which waits in call_wait(). What else is to happen
 * meanwhile (input, output) is on the call's loop as well.
 */
#pragma once

#include "base/loop.h"
#include "signals.h"
#include "studentrun.h"

#include <signal.h>

#define CALL_REASON_MAX 512

struct call {
    const struct studentrun_call *asked;
    struct loop loop;
    struct studentrun_signals signals;
    struct watch signals_watch, engine_watch, agent_watch;
    struct timer unread; /* how long `passing` is waited for */
    bool is_slow;        /* it was waited for in vain, and nothing was read since */
    int passing; /* a signal that was sent and not told of, as it may wait in this process */
    struct studentrun_agent *agent; /* NULL: a router was there */
    struct studentrun_engine *engine;
    struct studentrun *run;
    char *working_dir;
    sigset_t mask; /* the thread's, before */
    bool holds_sigpipe, had_sigpipe, was_opened;
    struct studentrun_result result;
    char reason[CALL_REASON_MAX];
    bool is_ended;
    bool run_has_ended; /* and is not given up, or was never asked for */
};

int call_open(struct call *call, const struct studentrun_call *asked);
/* Takes fds on success, also where the run has ended by that. */
int call_start(struct call *call, const struct studentrun_request *request, const int fds[3]);
void call_wait(struct call *call);
/* Harmless on what was not opened. */
void call_close(struct call *call);

/* Copies the result; its reason is the thread's, until the next. */
void call_tell(const struct call *call, struct studentrun_result *ret_result);
