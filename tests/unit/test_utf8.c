/* UTF-8: what is valid, and what is mended. */
#include "protocol/utf8.h"

#include "test.h"

#include <string.h>

static void test_what_is_valid(void **state)
{
    (void)state;
    static const char *const valid[] = {
        "", "a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"};
    static const char *const invalid[] = {"\x80",         "\xc3",         "\xc0\xaf",
                                          "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                          "\xff",         "a\xe2\x82"};
    for (size_t i = 0; i < N_ELEMENTS(valid); i++)
        assert_true(utf8_is_valid(valid[i], strlen(valid[i])));
    for (size_t i = 0; i < N_ELEMENTS(invalid); i++)
        assert_false(utf8_is_valid(invalid[i], strlen(invalid[i])));
}

static void check_mended(const char *text, const char *mended)
{
    char bytes[32];
    strcpy(bytes, text);
    utf8_mend(bytes);
    assert_string_equal(bytes, mended);
}

static void test_what_is_mended(void **state)
{
    (void)state;
    check_mended("", "");
    check_mended("caf\xc3\xa9", "caf\xc3\xa9");
    check_mended("caf\xc3", "caf?");
    check_mended("\xff\xe2\x82x", "???x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_valid),
        cmocka_unit_test(test_what_is_mended),
    };
    return RUN_TESTS(tests);
}
