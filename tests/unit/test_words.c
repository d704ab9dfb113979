/* Splitting commands, as dash splits them without expansions. */
#include "test.h"

#include "protocol/words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 5

static void test_cases(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int result;
        const char *words[WORDS_MAX + 1];
    } cases[] = {
        {"", 0, {0}},
        {" \t\r\n ", 0, {0}},
        {"a", 0, {"a"}},
        {"  a  b\tc\nd\r\n", 0, {"a", "b", "c", "d"}},
        {"'a b'c\"d e\"", 0, {"a bcd e"}},
        {"''", 0, {""}},
        {"\"\" '' x", 0, {"", "", "x"}},
        {"a''b", 0, {"ab"}},
        {"'\\'", 0, {"\\"}},
        {"'\"' \"'\"", 0, {"\"", "'"}},
        {"\"\\$\\`\\\"\\\\\\x\"", 0, {"$`\"\\\\x"}},
        {"\"a\\\nb\"", 0, {"ab"}},
        {"a\\\nb", 0, {"ab"}},
        {"a \\\n b", 0, {"a", "b"}},
        {"a\\ b \\'", 0, {"a b", "'"}},
        {"\\a\\\\", 0, {"a\\"}},
        {"#no comment", 0, {"#no", "comment"}},
        {"a # b", 0, {"a", "#", "b"}},
        {"$HOME * ~ `x`", 0, {"$HOME", "*", "~", "`x`"}},
        {"a;b|c>&d", 0, {"a;b|c>&d"}},
        {"'multi\nline'", 0, {"multi\nline"}},
        {"\v\f", 0, {"\v\f"}},
        {"caf\xc3\xa9", 0, {"caf\xc3\xa9"}},
        {"'", -EAGAIN, {0}},
        {"\"", -EAGAIN, {0}},
        {"a 'b", -EAGAIN, {0}},
        {"a \"b\\\"", -EAGAIN, {0}},
        {"a \"b\\", -EAGAIN, {0}},
        {"a\\", -EAGAIN, {0}},
        {"\\", -EAGAIN, {0}},
    };
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        char **words = NULL;
        assert_int_equal(words_split(cases[i].text, strlen(cases[i].text), &words),
                         cases[i].result);
        if (cases[i].result < 0) {
            assert_null(words);
            continue;
        }
        size_t n = 0;
        for (; cases[i].words[n]; n++) {
            assert_non_null(words[n]);
            assert_string_equal(words[n], cases[i].words[n]);
        }
        assert_null(words[n]);
        free(words);
    }
}

static void test_nul(void **state)
{
    (void)state;
    char **words;
    assert_int_equal(words_split("a\0b", 3, &words), -EINVAL);
    assert_int_equal(words_split("'\0", 2, &words), -EINVAL);
}

/* The block is sized for the most words there can be. */
static void test_many(void **state)
{
    (void)state;
    enum { N = 10001 };
    static char text[2 * N];
    char **words;
    for (size_t i = 0; i < N; i++)
        memcpy(text + 2 * i, "x ", 2);
    for (size_t size = 2 * N - 1; size <= 2 * N; size++) {
        assert_int_equal(words_split(text, size, &words), 0);
        size_t n = 0;
        while (words[n])
            n++;
        assert_int_equal(n, N);
        free(words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases), cmocka_unit_test(test_nul),
                                       cmocka_unit_test(test_many)};
    return RUN_TESTS(tests);
}
