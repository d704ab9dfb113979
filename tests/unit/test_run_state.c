/* The table of a run: whole lives, and what holds in every state. */
#include "test.h"

#include "run_state.h"

#include <stdbool.h>

#define LIFE_MAX 7

/* Events, the states they lead to, and each one's last action. */
static const struct {
    const char *name;
    struct {
        enum run_event event;
        enum run_state next;
        enum run_timer timer;
        enum run_action last;
    } steps[LIFE_MAX];
    size_t n_steps;
} lives[] = {
    {"normal",
     {{EVENT_STARTED_FD, RUN_STARTED, TIMER_HANDOVER, ACTION_TELL_STARTED},
      {EVENT_HELLO, RUN_HANDING_OVER, TIMER_KEEP, ACTION_HAND_OVER},
      {EVENT_COMMAND_SENT, RUN_RUNNING, TIMER_OFF, ACTION_TELL_HANDED_OVER},
      {EVENT_INIT_GONE, RUN_GONE, TIMER_RETVAL, ACTION_CLOSE_INIT},
      {EVENT_RETVAL, RUN_DRAINING, TIMER_OFF, ACTION_CONCLUDE}},
     5},
    {"hello first",
     {{EVENT_HELLO, RUN_GREETED, TIMER_KEEP, ACTION_NONE},
      {EVENT_STARTED_FD, RUN_HANDING_OVER, TIMER_HANDOVER, ACTION_TELL_STARTED},
      {EVENT_COMMAND_SENT, RUN_RUNNING, TIMER_OFF, ACTION_TELL_HANDED_OVER},
      {EVENT_RETVAL, RUN_DRAINING, TIMER_OFF, ACTION_CONCLUDE}},
     4},
    {"return value instead of started",
     {{EVENT_RETVAL, RUN_DRAINING, TIMER_OFF, ACTION_CONCLUDE}},
     1},
    {"return value right after started",
     {{EVENT_STARTED_FD, RUN_STARTED, TIMER_HANDOVER, ACTION_TELL_STARTED},
      {EVENT_RETVAL, RUN_DRAINING, TIMER_OFF, ACTION_CONCLUDE}},
     2},
    {"silent router", {{EVENT_TIMEOUT, RUN_DRAINING, TIMER_OFF, ACTION_CONCLUDE_FAIL}}, 1},
    {"silent router, init at the door",
     {{EVENT_HELLO, RUN_GREETED, TIMER_KEEP, ACTION_NONE},
      {EVENT_TIMEOUT, RUN_DRAINING, TIMER_OFF, ACTION_CONCLUDE_FAIL}},
     2},
    {"silent init",
     {{EVENT_STARTED_FD, RUN_STARTED, TIMER_HANDOVER, ACTION_TELL_STARTED},
      {EVENT_TIMEOUT, RUN_DRAINING, TIMER_OFF, ACTION_CONCLUDE_FAIL}},
     2},
    {"init that does not read",
     {{EVENT_STARTED_FD, RUN_STARTED, TIMER_HANDOVER, ACTION_TELL_STARTED},
      {EVENT_HELLO, RUN_HANDING_OVER, TIMER_KEEP, ACTION_HAND_OVER},
      {EVENT_TIMEOUT, RUN_DRAINING, TIMER_OFF, ACTION_CONCLUDE_FAIL}},
     3},
    {"garbage, and the router knows no more",
     {{EVENT_STARTED_FD, RUN_STARTED, TIMER_HANDOVER, ACTION_TELL_STARTED},
      {EVENT_GARBAGE, RUN_BROKEN, TIMER_LAST_WORDS, ACTION_CLOSE_INIT},
      {EVENT_TIMEOUT, RUN_DRAINING, TIMER_OFF, ACTION_CONCLUDE_FAIL}},
     3},
    {"init gone before started, and the router knows why",
     {{EVENT_INIT_GONE, RUN_BROKEN, TIMER_LAST_WORDS, ACTION_CLOSE_INIT},
      {EVENT_RETVAL, RUN_DRAINING, TIMER_OFF, ACTION_CONCLUDE}},
     2},
    {"init gone amid its command",
     {{EVENT_HELLO, RUN_GREETED, TIMER_KEEP, ACTION_NONE},
      {EVENT_STARTED_FD, RUN_HANDING_OVER, TIMER_HANDOVER, ACTION_TELL_STARTED},
      {EVENT_INIT_GONE, RUN_BROKEN, TIMER_LAST_WORDS, ACTION_CLOSE_INIT},
      {EVENT_TIMEOUT, RUN_DRAINING, TIMER_OFF, ACTION_CONCLUDE_FAIL}},
     4},
    {"init gone, no return value",
     {{EVENT_HELLO, RUN_GREETED, TIMER_KEEP, ACTION_NONE},
      {EVENT_STARTED_FD, RUN_HANDING_OVER, TIMER_HANDOVER, ACTION_TELL_STARTED},
      {EVENT_COMMAND_SENT, RUN_RUNNING, TIMER_OFF, ACTION_TELL_HANDED_OVER},
      {EVENT_INIT_GONE, RUN_GONE, TIMER_RETVAL, ACTION_CLOSE_INIT},
      {EVENT_TIMEOUT, RUN_DRAINING, TIMER_OFF, ACTION_CONCLUDE_FAIL}},
     5},
    {"router lost, init follows, lost for sure",
     {{EVENT_ROUTER_LOST, RUN_LOST, TIMER_GRACE, ACTION_NONE},
      {EVENT_INIT_GONE, RUN_LOST, TIMER_KEEP, ACTION_CLOSE_INIT},
      {EVENT_ROUTER_LOST, RUN_LOST, TIMER_GRACE, ACTION_NONE},
      {EVENT_TIMEOUT, RUN_DRAINING, TIMER_OFF, ACTION_CONCLUDE_FAIL}},
     4},
    {"router lost after it had said all",
     {{EVENT_ROUTER_LOST, RUN_LOST, TIMER_GRACE, ACTION_NONE},
      {EVENT_RETVAL, RUN_DRAINING, TIMER_OFF, ACTION_CONCLUDE}},
     2},
    {"message mode",
     {{EVENT_STARTED_MESSAGE, RUN_ASKED, TIMER_HANDOVER, ACTION_TELL_STARTED},
      {EVENT_ANSWERED, RUN_RELAYED, TIMER_LIMIT, ACTION_TELL_HANDED_OVER},
      {EVENT_ANSWERED, RUN_UNCHANGED, TIMER_KEEP, ACTION_NONE},
      {EVENT_RETVAL, RUN_DRAINING, TIMER_OFF, ACTION_CONCLUDE},
      {EVENT_ROUTER_LOST, RUN_UNCHANGED, TIMER_KEEP, ACTION_NONE},
      {EVENT_DRAINED, RUN_ENDED, TIMER_OFF, ACTION_END}},
     6},
    {"message mode, not answered",
     {{EVENT_STARTED_MESSAGE, RUN_ASKED, TIMER_HANDOVER, ACTION_TELL_STARTED},
      {EVENT_TIMEOUT, RUN_DRAINING, TIMER_OFF, ACTION_CONCLUDE_FAIL},
      {EVENT_DRAINED, RUN_ENDED, TIMER_OFF, ACTION_END}},
     3},
    {"not settled: message mode after a while",
     {{EVENT_STARTED_EITHER, RUN_UNSURE, TIMER_FALLBACK, ACTION_TELL_STARTED},
      {EVENT_TIMEOUT, RUN_ASKED, TIMER_HANDOVER, ACTION_ASK},
      {EVENT_ANSWERED, RUN_RELAYED, TIMER_LIMIT, ACTION_TELL_HANDED_OVER}},
     3},
    {"not settled: fd mode",
     {{EVENT_STARTED_EITHER, RUN_UNSURE, TIMER_FALLBACK, ACTION_TELL_STARTED},
      {EVENT_HELLO, RUN_HANDING_OVER, TIMER_HANDOVER, ACTION_HAND_OVER},
      {EVENT_COMMAND_SENT, RUN_RUNNING, TIMER_OFF, ACTION_TELL_HANDED_OVER}},
     3},
    {"not settled: fd mode of a slow container, after all",
     {{EVENT_STARTED_EITHER, RUN_UNSURE, TIMER_FALLBACK, ACTION_TELL_STARTED},
      {EVENT_TIMEOUT, RUN_ASKED, TIMER_HANDOVER, ACTION_ASK},
      {EVENT_HELLO, RUN_HANDING_OVER, TIMER_HANDOVER, ACTION_HAND_OVER},
      {EVENT_ANSWERED, RUN_UNCHANGED, TIMER_KEEP, ACTION_NONE},
      {EVENT_COMMAND_SENT, RUN_RUNNING, TIMER_OFF, ACTION_TELL_HANDED_OVER}},
     5},
    {"not settled, init was first",
     {{EVENT_HELLO, RUN_GREETED, TIMER_KEEP, ACTION_NONE},
      {EVENT_STARTED_MESSAGE, RUN_HANDING_OVER, TIMER_HANDOVER, ACTION_TELL_STARTED}},
     2},
    {"streams that cannot be opened",
     {{EVENT_STARTED_MESSAGE, RUN_ASKED, TIMER_HANDOVER, ACTION_TELL_STARTED},
      {EVENT_ANSWERED, RUN_RELAYED, TIMER_LIMIT, ACTION_TELL_HANDED_OVER},
      {EVENT_INIT_GONE, RUN_BROKEN, TIMER_LAST_WORDS, ACTION_CLOSE_INIT},
      {EVENT_TIMEOUT, RUN_DRAINING, TIMER_OFF, ACTION_CONCLUDE_FAIL}},
     4},
};

static enum run_action last_action(const struct run_step *step)
{
    enum run_action last = ACTION_NONE;
    for (size_t i = 0; i < RUN_ACTIONS_MAX && step->actions[i]; i++)
        last = step->actions[i];
    return last;
}

static void test_lives(void **state)
{
    (void)state;
    for (size_t l = 0; l < N_ELEMENTS(lives); l++) {
        enum run_state at = RUN_REQUESTED;
        print_message("  %s\n", lives[l].name);
        for (size_t i = 0; i < lives[l].n_steps; i++) {
            struct run_step step = run_state_step(at, lives[l].steps[i].event);
            assert_int_equal(step.next, lives[l].steps[i].next);
            assert_int_equal(step.timer, lives[l].steps[i].timer);
            assert_int_equal(last_action(&step), lives[l].steps[i].last);
            if (step.next != RUN_UNCHANGED)
                at = step.next;
        }
    }
}

static void test_every_state(void **state)
{
    (void)state;
    for (unsigned s = RUN_REQUESTED; s < RUN_DRAINING; s++) {
        enum run_state silent = run_state_step(s, EVENT_TIMEOUT).next;
        assert_int_equal(run_state_step(s, EVENT_RETVAL).next, RUN_DRAINING);
        assert_int_equal(run_state_step(s, EVENT_BAD_RETVAL).next, RUN_DRAINING);
        assert_int_equal(run_state_step(s, EVENT_ROUTER_LOST).next, RUN_LOST);
        /* Only a running command may take for ever: of a relayed one, the timer may be none. */
        if (s == RUN_RUNNING)
            assert_int_equal(silent, RUN_UNCHANGED);
        else
            assert_int_equal(silent, s == RUN_UNSURE ? RUN_ASKED : RUN_DRAINING);
    }
    for (unsigned e = 0; e < RUN_EVENT_COUNT; e++) {
        assert_int_equal(run_state_step(RUN_ENDED, e).next, RUN_UNCHANGED);
        assert_int_equal(run_state_step(RUN_DRAINING, e).next,
                         e == EVENT_DRAINED ? RUN_ENDED : RUN_UNCHANGED);
    }
}

static bool is_start(enum run_event event)
{
    return event == EVENT_STARTED_FD || event == EVENT_STARTED_EITHER ||
           event == EVENT_STARTED_MESSAGE;
}

/* Callbacks come last in a step, started and handed_over once, and ended with the end alone. */
static void test_callbacks(void **state)
{
    (void)state;
    for (unsigned s = RUN_REQUESTED; s < RUN_ENDED; s++) {
        for (unsigned e = 0; e < RUN_EVENT_COUNT; e++) {
            struct run_step step = run_state_step(s, e);
            enum run_action last = last_action(&step);
            assert_true(step.actions[0] < ACTION_TELL_STARTED || step.actions[1] == ACTION_NONE);
            assert_int_equal(step.next == RUN_ENDED, last == ACTION_END);
            assert_int_equal(step.next == RUN_DRAINING,
                             last == ACTION_CONCLUDE || last == ACTION_CONCLUDE_FAIL);
            if (last == ACTION_TELL_STARTED)
                assert_true(is_start(e) && (s == RUN_REQUESTED || s == RUN_GREETED));
            if (last == ACTION_TELL_HANDED_OVER)
                assert_true((e == EVENT_COMMAND_SENT && s == RUN_HANDING_OVER) ||
                            (e == EVENT_ANSWERED && s == RUN_ASKED));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lives),
                                       cmocka_unit_test(test_every_state),
                                       cmocka_unit_test(test_callbacks)};
    return RUN_TESTS(tests);
}
