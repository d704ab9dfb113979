/* Signals as people write them. */
#include "test.h"

#include "signal_name.h"

#include <signal.h>
#include <string.h>

static void test_names(void **state)
{
    (void)state;
    for (int i = 1; i < SIGSYS; i++)
        assert_int_equal(signal_number(sigabbrev_np(i)), i);
    assert_int_equal(signal_number("SIGTERM"), SIGTERM);
    assert_int_equal(signal_number("term"), SIGTERM);
    assert_int_equal(signal_number("sigUsr1"), SIGUSR1);
}

static void test_real_time_ones(void **state)
{
    (void)state;
    assert_int_equal(signal_number("RTMIN"), SIGRTMIN);
    assert_int_equal(signal_number("SIGRTMIN+30"), SIGRTMAX);
    assert_int_equal(signal_number("rtmax-1"), SIGRTMAX - 1);
    assert_int_equal(signal_number("sigrtmax"), SIGNAL_LAST);
}

static void test_numbers(void **state)
{
    (void)state;
    assert_int_equal(signal_number("1"), 1);
    assert_int_equal(signal_number("015"), SIGTERM);
    assert_int_equal(signal_number("64"), SIGNAL_LAST);
}

static void test_what_is_none(void **state)
{
    (void)state;
    static const char *const none[] = {"",        "0",       "65",        "-9",       "SIG",
                                       "SIG9",    "KILLS",   "SIGSIGHUP", "RTMIN-1",  "RTMIN+31",
                                       "RTMIN+",  "RTMIN+0", "RTMIN++1",  "RTMAX+1",  "RTMAX-31",
                                       "RTMIN 1", "RT",      "9 ",        "SIGRTMINI"};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        if (signal_number(none[i]) >= 0)
            fail_msg("\"%s\" is taken for a signal", none[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_real_time_ones),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_what_is_none),
    };
    return RUN_TESTS(tests);
}
