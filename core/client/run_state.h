/*
 * What a run does next: (state, event) -> next state, timer, actions. No I/O in here.
 *
 *   fd mode
 *   REQUESTED --started--> STARTED --hello--> HANDING_OVER --sent--> RUNNING --gone--> GONE
 *       `--hello--> GREETED --started--------------^
 *   message mode
 *   REQUESTED --started--> ASKED --answered--> RELAYED
 *   not settled yet (section 8 of the protocol)
 *   REQUESTED --started--> UNSURE --hello--> HANDING_OVER
 *                             `--time--> ASKED --hello--> HANDING_OVER
 *   and in the end, from everywhere
 *   return value, or a timeout --> DRAINING --drained--> ENDED
 *
 * Two peers tell of one run, the router and the container's init, on two sockets that keep
 * no order between them: init may say hello before run_student_started is read. A return
 * value ends the run in every state; where output that came as messages is not written yet, it
 * is told when that has been done, however long the reader takes. Where the hand-over breaks, one
 * that says why may be on its way: BROKEN waits for it a moment. LOST does so for a router that is
 * gone.
 */
#pragma once

enum run_state {
    RUN_UNCHANGED, /* as a next state: the event means nothing here */
    RUN_REQUESTED,
    RUN_GREETED,
    RUN_STARTED,
    RUN_UNSURE,
    RUN_ASKED,
    RUN_HANDING_OVER,
    RUN_RUNNING,
    RUN_RELAYED,
    RUN_BROKEN,
    RUN_GONE,
    RUN_LOST,
    RUN_DRAINING,
    RUN_ENDED,
    RUN_STATE_COUNT
};

enum run_event {
    /* the router: the container exists, and its init will say hello */
    EVENT_STARTED_FD,
    EVENT_STARTED_EITHER,  /* perhaps */
    EVENT_STARTED_MESSAGE, /* it will not */
    EVENT_ANSWERED,        /* the router: the command was taken */
    EVENT_RETVAL,          /* the router: the run has ended */
    EVENT_BAD_RETVAL,      /* the router: the same, with a value that is none */
    EVENT_HELLO,           /* init asks for the command */
    EVENT_GARBAGE,         /* init said something else */
    EVENT_COMMAND_SENT,    /* all of the command is on its way to init */
    EVENT_INIT_GONE,       /* init closed the connection */
    EVENT_TIMEOUT,         /* the timer set last */
    EVENT_ROUTER_LOST,     /* the router is gone */
    EVENT_DRAINED,         /* all output is written */
    RUN_EVENT_COUNT
};

enum run_timer {
    TIMER_KEEP, /* goes on as it was */
    TIMER_OFF,
    TIMER_START,
    TIMER_HANDOVER,
    TIMER_FALLBACK,
    TIMER_LAST_WORDS,
    TIMER_RETVAL,
    TIMER_LIMIT, /* the wall-clock limit asked for, and some; none where none was */
    TIMER_GRACE,
    RUN_TIMER_COUNT
};

enum run_action {
    ACTION_NONE,
    ACTION_HAND_OVER,  /* begin to send descriptors and command */
    ACTION_CLOSE_INIT, /* close what init is reached by */
    ACTION_ASK,        /* the router for message mode, with the command */
    ACTION_RELAY,      /* begin to move input and output */
    /* These call back, and the run may be gone afterwards: only ever the last one of a step. */
    ACTION_TELL_STARTED,
    ACTION_TELL_HANDED_OVER,
    ACTION_CONCLUDE,      /* the result is the router's return value; close all but output */
    ACTION_CONCLUDE_FAIL, /* the same, with a failure of our own */
    ACTION_END,           /* tell the result */
    RUN_ACTION_COUNT
};

#define RUN_ACTIONS_MAX 2

struct run_step {
    enum run_state next;
    enum run_timer timer;
    enum run_action actions[RUN_ACTIONS_MAX]; /* in order; ACTION_NONE ends them */
};

struct run_step run_state_step(enum run_state state, enum run_event event);
