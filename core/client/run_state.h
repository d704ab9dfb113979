/*
 * What a run does next: (state, event) -> next state, timer, actions. No I/O in here.
 *
 *   REQUESTED --started--> STARTED --hello--> HANDING_OVER --sent--> RUNNING --gone--> GONE
 *       `--hello--> GREETED --started--------------^
 *
 * Two peers tell of one run, the router and the container's init, on two sockets that keep
 * no order between them: init may say hello before run_student_started is read. A return
 * value ends the run in every state. Where the hand-over breaks, one that says why may be
 * on its way: BROKEN waits for it a moment. LOST does so for a router that is gone.
 */
#pragma once

enum run_state {
    RUN_UNCHANGED, /* as a next state: the event means nothing here */
    RUN_REQUESTED,
    RUN_GREETED,
    RUN_STARTED,
    RUN_HANDING_OVER,
    RUN_RUNNING,
    RUN_BROKEN,
    RUN_GONE,
    RUN_LOST,
    RUN_ENDED,
    RUN_STATE_COUNT
};

enum run_event {
    EVENT_STARTED,      /* the router: the container exists */
    EVENT_RETVAL,       /* the router: the run has ended */
    EVENT_BAD_RETVAL,   /* the router: the same, with a value that is none */
    EVENT_HELLO,        /* init asks for the command */
    EVENT_GARBAGE,      /* init said something else */
    EVENT_COMMAND_SENT, /* all of the command is on its way to init */
    EVENT_INIT_GONE,    /* init closed the connection */
    EVENT_TIMEOUT,      /* the timer set last */
    EVENT_ROUTER_LOST,  /* the router is gone */
    RUN_EVENT_COUNT
};

enum run_timer {
    TIMER_KEEP, /* goes on as it was */
    TIMER_OFF,
    TIMER_START,
    TIMER_HANDOVER,
    TIMER_LAST_WORDS,
    TIMER_RETVAL,
    TIMER_GRACE,
    RUN_TIMER_COUNT
};

enum run_action {
    ACTION_NONE,
    ACTION_HAND_OVER,  /* begin to send descriptors and command */
    ACTION_CLOSE_INIT, /* close what init is reached by */
    /* These call back, and the run may be gone afterwards: only ever the last one of a step. */
    ACTION_TELL_STARTED,
    ACTION_TELL_HANDED_OVER,
    ACTION_END,      /* with the router's return value */
    ACTION_END_FAIL, /* with a failure of our own */
    RUN_ACTION_COUNT
};

#define RUN_ACTIONS_MAX 2

struct run_step {
    enum run_state next;
    enum run_timer timer;
    enum run_action actions[RUN_ACTIONS_MAX]; /* in order; ACTION_NONE ends them */
};

struct run_step run_state_step(enum run_state state, enum run_event event);
