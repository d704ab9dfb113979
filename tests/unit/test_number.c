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

static void test_seconds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int result;
        uint64_t usec;
    } cases[] = {
        {"0", 0, 0},
        {"5", 0, 5000000},
        {"0.5", 0, 500000},
        {".25", 0, 250000},
        {"1.000001", 0, 1000001},
        {"0.0", 0, 0},
        {"0.3333333333333333", 0, 333334},
        {"0.0000001", 0, 1},
        {"9.9999999", 0, 10000000},
        {"10", 0, 10000000},
        {"10.0000001", -ERANGE, 0},
        {"11", -ERANGE, 0},
        {"99999999999999999999999999", -ERANGE, 0},
        {"", -EINVAL, 0},
        {".", -EINVAL, 0},
        {"5.", -EINVAL, 0},
        {"1.5.5", -EINVAL, 0},
        {"1,5", -EINVAL, 0},
        {"-1", -EINVAL, 0},
        {"+1", -EINVAL, 0},
        {" 1", -EINVAL, 0},
        {"1e-3", -EINVAL, 0},
        {"0.5s", -EINVAL, 0},
        {"nan", -EINVAL, 0},
        {"99999999999999999999999999x", -EINVAL, 0},
    };
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        uint64_t usec = 4242;
        assert_int_equal(number_parse_seconds(cases[i].text, 10000000, &usec), cases[i].result);
        assert_true(usec == (cases[i].result ? 4242 : cases[i].usec));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases),
                                       cmocka_unit_test(test_seconds)};
    return RUN_TESTS(tests);
}
