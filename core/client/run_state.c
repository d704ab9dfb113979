/* The table of a run's states and events. */
#include "run_state.h"

/* Whatever happened before, these end a run that has not ended. */
#define WHENEVER                                                                                   \
    [EVENT_RETVAL] = {RUN_DRAINING, TIMER_OFF, {ACTION_CONCLUDE}},                                 \
    [EVENT_BAD_RETVAL] = {RUN_DRAINING, TIMER_OFF, {ACTION_CONCLUDE_FAIL}},                        \
    [EVENT_ROUTER_LOST] = {RUN_LOST, TIMER_GRACE, {ACTION_NONE}}

#define TIMES_OUT [EVENT_TIMEOUT] = {RUN_DRAINING, TIMER_OFF, {ACTION_CONCLUDE_FAIL}}

#define BREAKS                                                                                     \
    {                                                                                              \
        RUN_BROKEN, TIMER_LAST_WORDS,                                                              \
        {                                                                                          \
            ACTION_CLOSE_INIT                                                                      \
        }                                                                                          \
    }

#define HANDS_OVER                                                                                 \
    {                                                                                              \
        RUN_HANDING_OVER, TIMER_HANDOVER,                                                          \
        {                                                                                          \
            ACTION_HAND_OVER, ACTION_TELL_STARTED                                                  \
        }                                                                                          \
    }

static const struct run_step steps[RUN_STATE_COUNT][RUN_EVENT_COUNT] = {
    [RUN_REQUESTED] =
        {WHENEVER,
         TIMES_OUT, [EVENT_STARTED_FD] = {RUN_STARTED, TIMER_HANDOVER, {ACTION_TELL_STARTED}},
         [EVENT_STARTED_EITHER] = {RUN_UNSURE, TIMER_FALLBACK, {ACTION_TELL_STARTED}},
         [EVENT_STARTED_MESSAGE] = {RUN_ASKED, TIMER_HANDOVER, {ACTION_ASK, ACTION_TELL_STARTED}},
         [EVENT_HELLO] = {RUN_GREETED, TIMER_KEEP, {ACTION_NONE}}, [EVENT_GARBAGE] = BREAKS,
         [EVENT_INIT_GONE] = BREAKS},
    [RUN_GREETED] =
        {WHENEVER, TIMES_OUT, [EVENT_STARTED_FD] = HANDS_OVER, [EVENT_STARTED_EITHER] = HANDS_OVER,
         [EVENT_STARTED_MESSAGE] = HANDS_OVER, [EVENT_INIT_GONE] = BREAKS},
    [RUN_STARTED] = {WHENEVER,
                     TIMES_OUT, [EVENT_HELLO] = {RUN_HANDING_OVER, TIMER_KEEP, {ACTION_HAND_OVER}},
                     [EVENT_GARBAGE] = BREAKS, [EVENT_INIT_GONE] = BREAKS},
    [RUN_UNSURE] = {WHENEVER, [EVENT_TIMEOUT] = {RUN_ASKED, TIMER_HANDOVER, {ACTION_ASK}},
                    [EVENT_HELLO] = {RUN_HANDING_OVER, TIMER_HANDOVER, {ACTION_HAND_OVER}},
                    [EVENT_GARBAGE] = BREAKS, [EVENT_INIT_GONE] = BREAKS},
    /* A container that was slow, of a router that knows no message mode, may say hello here. */
    [RUN_ASKED] =
        {WHENEVER, TIMES_OUT,
         [EVENT_ANSWERED] = {RUN_RELAYED, TIMER_LIMIT, {ACTION_RELAY, ACTION_TELL_HANDED_OVER}},
         [EVENT_HELLO] = {RUN_HANDING_OVER, TIMER_HANDOVER, {ACTION_HAND_OVER}},
         [EVENT_GARBAGE] = BREAKS, [EVENT_INIT_GONE] = BREAKS},
    [RUN_RELAYED] = {WHENEVER, TIMES_OUT, [EVENT_INIT_GONE] = BREAKS},
    [RUN_HANDING_OVER] =
        {WHENEVER,
         TIMES_OUT, [EVENT_COMMAND_SENT] = {RUN_RUNNING, TIMER_OFF, {ACTION_TELL_HANDED_OVER}},
         [EVENT_INIT_GONE] = BREAKS},
    [RUN_RUNNING] = {WHENEVER, [EVENT_GARBAGE] = BREAKS,
                     [EVENT_INIT_GONE] = {RUN_GONE, TIMER_RETVAL, {ACTION_CLOSE_INIT}}},
    [RUN_BROKEN] = {WHENEVER, TIMES_OUT},
    [RUN_GONE] = {WHENEVER, TIMES_OUT},
    [RUN_LOST] = {WHENEVER,
                  TIMES_OUT, [EVENT_INIT_GONE] = {RUN_LOST, TIMER_KEEP, {ACTION_CLOSE_INIT}},
                  [EVENT_GARBAGE] = {RUN_LOST, TIMER_KEEP, {ACTION_CLOSE_INIT}}},
    [RUN_DRAINING] = {[EVENT_DRAINED] = {RUN_ENDED, TIMER_OFF, {ACTION_END}}},
};

struct run_step run_state_step(enum run_state state, enum run_event event)
{
    return steps[state][event];
}
