/*
 * The life of a run in the agent, as a table: (state, event) to (state, action). No I/O.
 *
 *   WAITING ── sandbox ──▶ HANDOVER ── running ──▶ RUNNING ── ended ──▶ DONE
 *                              │                    │    └─ ended, teardown ──▶ TEARDOWN ─▶ DONE
 *                              └───── a limit ──────┴────▶ KILLED ── sandbox gone ──▶ DONE
 *
 * Limits are watched from HANDOVER to the command's own end and no longer: slow clean-up is no
 * time-out. A run that was killed is reported when its sandbox is gone, so that nothing of it
 * runs when its return value is known.
 */
#pragma once

enum life {
    LIFE_WAITING,  /* for a sandbox */
    LIFE_HANDOVER, /* the sandbox has the client's connection */
    LIFE_RUNNING,
    LIFE_TEARDOWN, /* the result is known, the teardown script runs */
    LIFE_KILLED,   /* the sandbox was killed for a limit */
    LIFE_DONE,
    LIFE_COUNT
};

enum life_event {
    LIFE_SANDBOX,    /* a sandbox was granted */
    LIFE_BROKEN,     /* the sandbox granted turned out to be dead; there may be another */
    LIFE_REFUSED,    /* there is none, or it cannot be given the run */
    LIFE_STARTED,    /* the command runs */
    LIFE_ENDED,      /* the command's result is known */
    LIFE_TEARING,    /* the same, and a teardown script follows */
    LIFE_GONE,       /* the whole sandbox has ended */
    LIFE_OVER_LIMIT, /* CPU time, wall clock or memory */
    LIFE_OVERDUE,    /* teardown or the sandbox's end take too long */
    LIFE_EVENT_COUNT
};

enum life_action {
    LIFE_IGNORE,
    LIFE_ASSIGN,        /* give the sandbox the run, say that it started */
    LIFE_ASK,           /* for another sandbox */
    LIFE_WATCH,         /* the clocks start */
    LIFE_UNWATCH,       /* the clocks stop; the teardown's bound starts */
    LIFE_KILL,          /* the sandbox, and wait for its end */
    LIFE_KILL_TEARDOWN, /* the sandbox; the result stays */
    LIFE_REPORT         /* the return value, and forget the run */
};

struct life_step {
    enum life next;
    enum life_action action;
};

struct life_step life_step(enum life state, enum life_event event);
