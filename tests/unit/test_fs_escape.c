/* Any bytes as one line, and back. */
#include "test.h"

#include "base/escape.h"

#include <string.h>

static void check(const char *data, size_t size, const char *expected)
{
    char out[256];
    size_t n = escape(data, size, out);
    assert_int_equal(n, strlen(expected));
    assert_memory_equal(out, expected, n);
}

#define CHECK(data, expected) check(data, sizeof(data) - 1, expected)

static void test_printable_text_stays(void **state)
{
    (void)state;
    CHECK("", "");
    CHECK("5 3 ~!", "5 3 ~!");
    CHECK("d\xc3\xa9j\xc3\xa0 \xe2\x82\xac \xf0\x9f\x99\x82",
          "d\xc3\xa9j\xc3\xa0 \xe2\x82\xac \xf0\x9f\x99\x82");
}

static void test_controls(void **state)
{
    (void)state;
    CHECK("a\nb\tc\rd\\", "a\\nb\\tc\\rd\\\\");
    CHECK("\0\x1b[2J\x7f", "\\x00\\x1b[2J\\x7f");
}

static void test_what_is_no_utf8(void **state)
{
    (void)state;
    CHECK("\xff\xc3", "\\xff\\xc3");
    CHECK("\xc3(", "\\xc3(");
    CHECK("\xc0\xaf\xe0\x80\xaf\xf0\x80\x80\xaf", "\\xc0\\xaf\\xe0\\x80\\xaf\\xf0\\x80\\x80\\xaf");
    CHECK("\xed\xa0\x80", "\\xed\\xa0\\x80");
    CHECK("\xf4\x90\x80\x80\xf5", "\\xf4\\x90\\x80\\x80\\xf5");
    CHECK("\xe2\x82", "\\xe2\\x82");
}

/* What other programs take for the end of a line, or what turns it around. */
static void test_characters_that_end_a_line(void **state)
{
    (void)state;
    CHECK("\xc2\x85\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xae",
          "\\xc2\\x85\\xe2\\x80\\xa8\\xe2\\x80\\xa9\\xe2\\x80\\xae");
    CHECK("\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c", "\\xe2\\x80\\x8e\\xe2\\x80\\x8f\\xd8\\x9c");
    CHECK("\xe2\x81\xa6\xe2\x81\xa9", "\\xe2\\x81\\xa6\\xe2\\x81\\xa9");
    CHECK("\xc2\xa0\xd8\x9b\xe2\x80\x90\xe2\x81\xaa", "\xc2\xa0\xd8\x9b\xe2\x80\x90\xe2\x81\xaa");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_printable_text_stays),
        cmocka_unit_test(test_controls),
        cmocka_unit_test(test_what_is_no_utf8),
        cmocka_unit_test(test_characters_that_end_a_line),
    };
    return RUN_TESTS(tests);
}
