/* Which commands can be sent. */
#include "test.h"

#include "studentrun.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void test_cases(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t size;
        int result;
    } cases[] = {
        {"true", 4, 0},
        {"sh -c 'a; b'", 12, 0},
        {"''", 2, 0}, /* an empty word is one */
        {"", 0, -EINVAL},
        {" \t\n", 3, -EINVAL},
        {"a\0b", 3, -EINVAL},
        {"'\0", 2, -EINVAL},
        {"'a", 2, -EAGAIN},
        {"\"a", 2, -EAGAIN},
        {"a\\", 2, -EAGAIN},
        /* UTF-8, from its shortest and longest of each size to what only looks like it */
        {"\x7f", 1, 0},
        {"\xc2\x80", 2, 0},
        {"\xdf\xbf", 2, 0},
        {"\xe0\xa0\x80", 3, 0},
        {"\xed\x9f\xbf", 3, 0},
        {"\xee\x80\x80", 3, 0},
        {"\xef\xbf\xbf", 3, 0},
        {"\xf0\x90\x80\x80", 4, 0},
        {"\xf4\x8f\xbf\xbf", 4, 0},
        {"\x80", 1, -EILSEQ},
        {"\xbf", 1, -EILSEQ},
        {"\xc0\x80", 2, -EILSEQ},
        {"\xc1\xbf", 2, -EILSEQ},
        {"\xe0\x9f\xbf", 3, -EILSEQ},
        {"\xed\xa0\x80", 3, -EILSEQ},
        {"\xed\xbf\xbf", 3, -EILSEQ},
        {"\xf0\x8f\xbf\xbf", 4, -EILSEQ},
        {"\xf4\x90\x80\x80", 4, -EILSEQ},
        {"\xf5\x80\x80\x80", 4, -EILSEQ},
        {"\xf8\x88\x80\x80\x80", 5, -EILSEQ},
        {"\xff", 1, -EILSEQ},
        {"\xc2", 1, -EILSEQ},
        {"\xe2\x82", 2, -EILSEQ},
        {"\xf0\x90\x80", 3, -EILSEQ},
        {"\xc2 ", 2, -EILSEQ},
        {"\xe2\x82(", 3, -EILSEQ},
        {"a\xe9", 2, -EILSEQ},
        {"'\xe9", 2, -EILSEQ},
    };
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        char *text = malloc(cases[i].size + 1); /* no byte to spare: ASan sees a read past it */
        assert_non_null(text);
        memcpy(text, cases[i].text, cases[i].size);
        print_message("  case %zu\n", i);
        assert_int_equal(studentrun_command_check(text, cases[i].size), cases[i].result);
        free(text);
    }
}

/* As execve() on Linux: a string of 128 KiB with its NUL, 2 MiB of all. */
static void test_sizes(void **state)
{
    (void)state;
    enum { STRING_MAX = 128 << 10, ALL_MAX = 2 << 20 };
    static char text[ALL_MAX + 2];
    memset(text, 'x', sizeof(text));
    assert_int_equal(studentrun_command_check(text, STRING_MAX - 1), 0);
    assert_int_equal(studentrun_command_check(text, STRING_MAX), -E2BIG);
    assert_int_equal(studentrun_command_check(text, ALL_MAX + 1), -E2BIG);
    for (size_t i = 0; i < sizeof(text); i += 100000)
        text[i] = ' ';
    assert_int_equal(studentrun_command_check(text, 1900000), 0);
    assert_int_equal(studentrun_command_check(text, ALL_MAX), -E2BIG);
    for (size_t i = 1; i < sizeof(text); i += 2)
        text[i] = ' '; /* many short ones: their pointers count */
    assert_int_equal(studentrun_command_check(text, 300000), 0);
    assert_int_equal(studentrun_command_check(text, 500000), -E2BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases), cmocka_unit_test(test_sizes)};
    return RUN_TESTS(tests);
}
