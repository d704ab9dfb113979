/* A run's inside: the one struct behind run.c (what happens), run_messages.c (what the router says)
 * and run_request.c (what it is asked). */
#pragma once

#include "engine.h"
#include "init_link.h"
#include "message_link.h"
#include "result.h"
#include "run_state.h"
#include "ssh_login.h"

#include "protocol/message.h"

#define USER_ROOT "root"

struct studentrun {
    struct studentrun_engine *engine;
    struct list link;
    struct studentrun_events events;
    void *userdata;
    enum run_state state;
    struct zmq_watch router;
    enum studentrun_transport transport; /* auto: not settled yet */
    struct init_link init;
    struct message_link messages; /* open where message mode was asked for */
    struct ssh_login ssh;         /* open only where it was asked for */
    struct timer timer;
    uint32_t grace_ms; /* what TIMER_GRACE is */
    uint64_t wall_ms;  /* the limit asked for; 0: none, or another than the run's end may have */
    uint64_t heard_ns; /* when the router said something last */
    char *command, *teardown_script, *working_dir, *container_id;
    const char *user;
    const struct message_run_student_retval *retval; /* while ACTION_CONCLUDE is carried out */
    char enforced[40];                               /* words; empty: not told */
    pid_t init_pid;                                  /* 0: not told */
    ino_t stdin_pipe;                                /* the same */
    bool agent_acknowledges;                         /* it said that it knows what that is */
    struct studentrun_result result;                 /* from then on */
    char reason[REASON_SIZE];                        /* its reason, or of ACTION_CONCLUDE_FAIL */
    bool is_unavailable;                             /* it fails as 251, not as 254 */
};

/* May free the run: nothing touches it afterwards. */
void run_event(struct studentrun *run, enum run_event event);

/* What comes on the run's own socket: a zmq_watch_fn. */
void run_on_router(struct zmq_watch *watch, zmq_msg_t *frames, size_t n_frames);

/* As studentrun_start() says. */
int run_request_check(const struct studentrun_request *request);
/* Copies what is needed later. -ENOMEM. */
int run_request_copy(struct studentrun *run, const struct studentrun_request *request);
int run_request_send(struct studentrun *run, const struct studentrun_request *request);
