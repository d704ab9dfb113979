/* The life of a run in the agent: the table. */
#include "life.h"

#include <stdbool.h>

/* What has no row is ignored: it comes too late to matter. */
static const struct {
    bool known;
    struct life_step step;
} steps[LIFE_COUNT][LIFE_EVENT_COUNT] = {
    [LIFE_WAITING] =
        {
            [LIFE_SANDBOX] = {true, {LIFE_HANDOVER, LIFE_ASSIGN}},
            [LIFE_REFUSED] = {true, {LIFE_DONE, LIFE_REPORT}},
        },
    [LIFE_HANDOVER] =
        {
            [LIFE_BROKEN] = {true, {LIFE_WAITING, LIFE_ASK}},
            [LIFE_REFUSED] = {true, {LIFE_DONE, LIFE_REPORT}},
            [LIFE_STARTED] = {true, {LIFE_RUNNING, LIFE_WATCH}},
            [LIFE_ENDED] = {true, {LIFE_DONE, LIFE_REPORT}},
            [LIFE_GONE] = {true, {LIFE_DONE, LIFE_REPORT}},
            [LIFE_OVER_LIMIT] = {true, {LIFE_KILLED, LIFE_KILL}},
        },
    [LIFE_RUNNING] =
        {
            [LIFE_ENDED] = {true, {LIFE_DONE, LIFE_REPORT}},
            [LIFE_TEARING] = {true, {LIFE_TEARDOWN, LIFE_UNWATCH}},
            [LIFE_GONE] = {true, {LIFE_DONE, LIFE_REPORT}},
            [LIFE_OVER_LIMIT] = {true, {LIFE_KILLED, LIFE_KILL}},
        },
    [LIFE_TEARDOWN] =
        {
            [LIFE_GONE] = {true, {LIFE_DONE, LIFE_REPORT}},
            [LIFE_OVER_LIMIT] = {true, {LIFE_TEARDOWN, LIFE_KILL_TEARDOWN}},
            [LIFE_OVERDUE] = {true, {LIFE_DONE, LIFE_REPORT}},
        },
    [LIFE_KILLED] =
        {
            [LIFE_GONE] = {true, {LIFE_DONE, LIFE_REPORT}},
            [LIFE_OVERDUE] = {true, {LIFE_DONE, LIFE_REPORT}},
        },
};

struct life_step life_step(enum life state, enum life_event event)
{
    if (!steps[state][event].known)
        return (struct life_step){state, LIFE_IGNORE};
    return steps[state][event].step;
}
