/* The agent's tables: the life of a run, its limits, its verdict. */
#include "life.h"
#include "run_limits.h"
#include "verdict.h"

#include "base/loop.h"
#include "test.h"

#include <signal.h>
#include <string.h>

static void check_step(enum life state, enum life_event event, enum life next,
                       enum life_action action)
{
    struct life_step step = life_step(state, event);
    assert_int_equal(step.next, next);
    assert_int_equal(step.action, action);
}

static void test_the_normal_life(void **state)
{
    (void)state;
    check_step(LIFE_WAITING, LIFE_SANDBOX, LIFE_HANDOVER, LIFE_ASSIGN);
    check_step(LIFE_HANDOVER, LIFE_STARTED, LIFE_RUNNING, LIFE_WATCH);
    check_step(LIFE_RUNNING, LIFE_ENDED, LIFE_DONE, LIFE_REPORT);
}

static void test_a_teardown_is_waited_for_and_bounded(void **state)
{
    (void)state;
    check_step(LIFE_RUNNING, LIFE_TEARING, LIFE_TEARDOWN, LIFE_UNWATCH);
    check_step(LIFE_TEARDOWN, LIFE_GONE, LIFE_DONE, LIFE_REPORT);
    check_step(LIFE_TEARDOWN, LIFE_OVER_LIMIT, LIFE_TEARDOWN, LIFE_KILL_TEARDOWN);
    check_step(LIFE_TEARDOWN, LIFE_OVERDUE, LIFE_DONE, LIFE_REPORT);
}

static void test_another_sandbox_replaces_a_broken_one(void **state)
{
    (void)state;
    check_step(LIFE_HANDOVER, LIFE_BROKEN, LIFE_WAITING, LIFE_ASK);
    check_step(LIFE_RUNNING, LIFE_BROKEN, LIFE_RUNNING, LIFE_IGNORE);
}

static void test_a_killed_run_waits_for_its_sandbox(void **state)
{
    (void)state;
    check_step(LIFE_RUNNING, LIFE_OVER_LIMIT, LIFE_KILLED, LIFE_KILL);
    check_step(LIFE_KILLED, LIFE_ENDED, LIFE_KILLED, LIFE_IGNORE);
    check_step(LIFE_KILLED, LIFE_OVER_LIMIT, LIFE_KILLED, LIFE_IGNORE);
    check_step(LIFE_KILLED, LIFE_GONE, LIFE_DONE, LIFE_REPORT);
    check_step(LIFE_KILLED, LIFE_OVERDUE, LIFE_DONE, LIFE_REPORT);
}

static void test_every_state_but_done_can_end(void **state)
{
    (void)state;
    for (unsigned s = 0; s < LIFE_DONE; s++) {
        bool ends = false;
        for (unsigned e = 0; e < LIFE_EVENT_COUNT; e++)
            ends |= life_step((enum life)s, (enum life_event)e).action == LIFE_REPORT;
        assert_true(ends);
    }
    for (unsigned e = 0; e < LIFE_EVENT_COUNT; e++)
        check_step(LIFE_DONE, (enum life_event)e, LIFE_DONE, LIFE_IGNORE);
}

/* --- limits --- */

static const struct limit_options defaults = {
    .time_limit = 30, .memory_limit = 200, .process_limit = 1000};

static void test_zero_asks_for_the_defaults(void **state)
{
    (void)state;
    struct limits limits;
    limits_resolve(&defaults, &(struct message_run_student){0}, &limits);
    assert_int_equal(limits.cpu_ns, 30 * NS_PER_S);
    assert_int_equal(limits.wall_ns, 90 * NS_PER_S);
    assert_int_equal(limits.memory_bytes, 200 << 20);
    assert_int_equal(limits.processes, 1000);
}

static void test_the_wall_clock_follows_the_cpu_limit(void **state)
{
    (void)state;
    struct limits limits;
    limits_resolve(&defaults, &(struct message_run_student){.time_limit = 5}, &limits);
    assert_int_equal(limits.cpu_ns, 5 * NS_PER_S);
    assert_int_equal(limits.wall_ns, 15 * NS_PER_S);
    assert_true(limits.wall_follows_cpu);
    limits_resolve(&defaults, &(struct message_run_student){.time_limit = 5, .hard_time_limit = 7},
                   &limits);
    assert_int_equal(limits.wall_ns, 7 * NS_PER_S);
    assert_false(limits.wall_follows_cpu);
    struct limit_options options = defaults;
    options.max_hard_time_limit = 8;
    limits_resolve(&options, &(struct message_run_student){.time_limit = 5}, &limits);
    assert_int_equal(limits.wall_ns, 8 * NS_PER_S);
    assert_false(limits.wall_follows_cpu);
    options.hard_time_limit = 3;
    limits_resolve(&options, &(struct message_run_student){.time_limit = 1}, &limits);
    assert_int_equal(limits.wall_ns, 3 * NS_PER_S);
    assert_false(limits.wall_follows_cpu);
}

static void test_fractions_of_a_second(void **state)
{
    (void)state;
    struct limits limits;
    struct limit_options options = defaults;
    struct message_run_student asked = {.time_limit = 1, .time_limit_usec = 250000};
    limits_resolve(&options, &asked, &limits);
    assert_int_equal(limits.cpu_ns, 250 * NS_PER_MS);
    assert_int_equal(limits.wall_ns, 750 * NS_PER_MS);
    asked.hard_time_limit_usec = 1500001;
    limits_resolve(&options, &asked, &limits);
    assert_int_equal(limits.wall_ns, 1500001 * NS_PER_US);
    options.max_hard_time_limit = 1;
    asked.time_limit_usec = INT64_MAX;
    limits_resolve(&options, &asked, &limits);
    assert_int_equal(limits.cpu_ns, TIME_MAX_S * NS_PER_S);
    assert_int_equal(limits.wall_ns, NS_PER_S);
    asked.time_limit_usec = INT64_MIN; /* no number of ours: the seconds count */
    limits_resolve(&options, &asked, &limits);
    assert_int_equal(limits.cpu_ns, NS_PER_S);
}

static void test_maxima_cap_and_minima_raise(void **state)
{
    (void)state;
    struct limits limits;
    struct limit_options options = defaults;
    options.max_time_limit = 10;
    options.max_hard_time_limit = 20;
    options.max_memory_limit = 100;
    limits_resolve(
        &options,
        &(struct message_run_student){.time_limit = 11, .hard_time_limit = 21, .memory_limit = 101},
        &limits);
    assert_int_equal(limits.cpu_ns, 10 * NS_PER_S);
    assert_int_equal(limits.wall_ns, 20 * NS_PER_S);
    assert_int_equal(limits.memory_bytes, 100 << 20);
    limits_resolve(&options, &(struct message_run_student){.memory_limit = 1}, &limits);
    assert_int_equal(limits.memory_bytes, MEMORY_MIN_MIB << 20);
}

static void test_no_number_overflows(void **state)
{
    (void)state;
    struct limits limits;
    limits_resolve(&defaults,
                   &(struct message_run_student){.time_limit = INT64_MAX,
                                                 .hard_time_limit = INT64_MAX,
                                                 .memory_limit = INT64_MAX},
                   &limits);
    assert_int_equal(limits.cpu_ns, TIME_MAX_S * NS_PER_S);
    assert_int_equal(limits.wall_ns, TIME_MAX_S * NS_PER_S);
    assert_int_equal(limits.memory_bytes, MEMORY_MAX_MIB << 20);
    limits_resolve(&defaults, &(struct message_run_student){.time_limit = INT64_MIN}, &limits);
    assert_int_equal(limits.cpu_ns, 30 * NS_PER_S);
}

/* --- verdicts --- */

static struct observed observed_exit(int64_t retval)
{
    return (struct observed){
        .limits = {.cpu_ns = NS_PER_S, .wall_ns = 3 * NS_PER_S, .memory_bytes = 64 << 20},
        .last_words = "",
        .outcome = {.known = true, .retval = retval, .termination = TERMINATION_EXITED}};
}

static void check_verdict(const struct observed *seen, int64_t retval, enum termination termination,
                          const char *reason)
{
    struct verdict verdict;
    verdict_reach(seen, &verdict);
    assert_int_equal(verdict.retval, retval);
    assert_int_equal(verdict.termination, termination);
    assert_string_equal(verdict.reason, reason);
}

static void test_exit_codes_stay_what_they_are(void **state)
{
    (void)state;
    static const int64_t codes[] = {0, 1, 42, 250, 251, 252, 253, 254, 255};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        struct observed seen = observed_exit(codes[i]);
        check_verdict(&seen, codes[i], TERMINATION_EXITED, "");
    }
}

static void test_a_limit_overrules_what_init_says(void **state)
{
    (void)state;
    struct observed seen = observed_exit(0);
    seen.cause = KILL_CPU;
    check_verdict(&seen, RETVAL_TIME, TERMINATION_CPU_TIME, "used more than 1 s of CPU time");
    seen.cause = KILL_WALL;
    check_verdict(&seen, RETVAL_TIME, TERMINATION_WALL_TIME, "ran longer than 3 s");
    seen.limits.wall_follows_cpu = true;
    check_verdict(&seen, RETVAL_TIME, TERMINATION_WALL_TIME,
                  "ran longer than 3 s, three times its CPU limit");
    seen.cause = KILL_MEMORY;
    check_verdict(&seen, RETVAL_MEMORY, TERMINATION_MEMORY, "used more than 64 MiB of memory");
}

static void test_the_kernels_count_is_memory(void **state)
{
    (void)state;
    struct observed seen = observed_exit(137);
    seen.out_of_memory = true;
    check_verdict(&seen, RETVAL_MEMORY, TERMINATION_MEMORY, "used more than 64 MiB of memory");
}

static void test_cpu_time_past_the_limit_counts_without_a_kill(void **state)
{
    (void)state;
    struct observed seen = observed_exit(0);
    seen.usage.cpu_usec = 1000000;
    check_verdict(&seen, 0, TERMINATION_EXITED, "");
    seen.usage.cpu_usec = 1000001;
    check_verdict(&seen, RETVAL_TIME, TERMINATION_CPU_TIME, "used more than 1 s of CPU time");
}

static void test_sigxcpu_is_the_limit_only_where_nothing_else_counts(void **state)
{
    (void)state;
    struct observed seen = observed_exit(RETVAL_SIGNAL + SIGXCPU);
    seen.outcome.signal = SIGXCPU;
    seen.outcome.termination = TERMINATION_SIGNAL;
    check_verdict(&seen, RETVAL_SIGNAL + SIGXCPU, TERMINATION_SIGNAL, "");
    seen.cpu_by_rlimit = true;
    check_verdict(&seen, RETVAL_TIME, TERMINATION_CPU_TIME, "used more than 1 s of CPU time");
}

static void test_a_sandbox_that_just_ends_is_a_failure(void **state)
{
    (void)state;
    struct observed seen = observed_exit(0);
    seen.outcome.known = false;
    check_verdict(&seen, RETVAL_FAILED, TERMINATION_FAILED, "the sandbox ended unexpectedly");
    seen.last_words = "bwrap: no";
    check_verdict(&seen, RETVAL_FAILED, TERMINATION_FAILED,
                  "the sandbox ended unexpectedly: bwrap: no");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_normal_life),
        cmocka_unit_test(test_a_teardown_is_waited_for_and_bounded),
        cmocka_unit_test(test_another_sandbox_replaces_a_broken_one),
        cmocka_unit_test(test_a_killed_run_waits_for_its_sandbox),
        cmocka_unit_test(test_every_state_but_done_can_end),
        cmocka_unit_test(test_zero_asks_for_the_defaults),
        cmocka_unit_test(test_the_wall_clock_follows_the_cpu_limit),
        cmocka_unit_test(test_fractions_of_a_second),
        cmocka_unit_test(test_maxima_cap_and_minima_raise),
        cmocka_unit_test(test_no_number_overflows),
        cmocka_unit_test(test_exit_codes_stay_what_they_are),
        cmocka_unit_test(test_a_limit_overrules_what_init_says),
        cmocka_unit_test(test_the_kernels_count_is_memory),
        cmocka_unit_test(test_cpu_time_past_the_limit_counts_without_a_kill),
        cmocka_unit_test(test_sigxcpu_is_the_limit_only_where_nothing_else_counts),
        cmocka_unit_test(test_a_sandbox_that_just_ends_is_a_failure),
    };
    return RUN_TESTS(tests);
}
