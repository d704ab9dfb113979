/* Signals on the wire. */
#include "test.h"

#include "protocol/handover.h"

#include <errno.h>
#include <stdio.h>

static void test_all(void **state)
{
    (void)state;
    for (int signal = 1; signal <= SIGNAL_MAX; signal++) {
        char digits[SIGNAL_SIZE], expected[SIGNAL_SIZE + 8];
        snprintf(expected, sizeof(expected), "%03d", signal);
        signal_encode(signal, digits);
        assert_memory_equal(digits, expected, SIGNAL_SIZE);
        assert_int_equal(signal_decode(digits), signal);
    }
}

static void test_others(void **state)
{
    (void)state;
    static const char *const bad[] = {"000", "065",  "099", "999", "-01", " 15",
                                      "1 5", "15\n", "KIL", "--0", "0x1"};
    for (size_t i = 0; i < N_ELEMENTS(bad); i++)
        assert_int_equal(signal_decode(bad[i]), -EINVAL);
    assert_int_equal(signal_decode("---"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all), cmocka_unit_test(test_others)};
    return RUN_TESTS(tests);
}
