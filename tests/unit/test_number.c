/* Numbers: what is one, and what is in range. */
#include "test.h"

#include "base/number.h"

#include <errno.h>

static void test_cases(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t min, max;
        int result;
        uint64_t number;
    } cases[] = {
        {"0", 0, 10, 0, 0},
        {"7", 0, 10, 0, 7},
        {"007", 0, 10, 0, 7},
        {"10", 0, 10, 0, 10},
        {"11", 0, 10, -ERANGE, 0},
        {"1", 2, 10, -ERANGE, 0},
        {"18446744073709551615", 0, UINT64_MAX, 0, UINT64_MAX},
        {"18446744073709551616", 0, UINT64_MAX, -ERANGE, 0},
        {"99999999999999999999999999", 0, UINT64_MAX, -ERANGE, 0},
        {"99999999999999999999999999x", 0, UINT64_MAX, -EINVAL, 0},
        {"", 0, 10, -EINVAL, 0},
        {" 1", 0, 10, -EINVAL, 0},
        {"1 ", 0, 10, -EINVAL, 0},
        {"+1", 0, 10, -EINVAL, 0},
        {"-1", 0, 10, -EINVAL, 0},
        {"0x1", 0, 10, -EINVAL, 0},
        {"1.0", 0, 10, -EINVAL, 0},
    };
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        uint64_t number = 4242;
        assert_int_equal(number_parse(cases[i].text, cases[i].min, cases[i].max, &number),
                         cases[i].result);
        assert_true(number == (cases[i].result ? 4242 : cases[i].number));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases)};
    return RUN_TESTS(tests);
}
