/* Options from a table. */
#include "test.h"

#include "base/option_table.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct options {
    bool flag;
    const char *text;
    uint64_t number, usec;
    uint32_t ms;
};

enum { HIDDEN = 1 };

#define ROW(name, taker, member, ...) OPTION(struct options, name, taker, member, __VA_ARGS__)

static int take_own(const struct option_table *table, const struct option_row *row, char *text,
                    void *options)
{
    (void)table, (void)row, (void)options;
    return atoi(text);
}

static const struct option_row rows[] = {
    ROW("flag", option_take_flag, flag, .letter = 'f', .help = "a flag"),
    ROW("text", option_take_text, text, .letter = 't', .value = "TEXT", .help = "a text"),
    ROW("number", option_take_number, number, .min = 2, .max = 9, .value = "N", .help = "one"),
    ROW("usec", option_take_usec, usec, .max = 10, .value = "S", .help = "seconds"),
    ROW("ms", option_take_ms, ms, .max = 10, .value = "S", .help = "a timeout"),
    ROW("own", take_own, text, .value = "X", .wrong = "not what it should be", .help = "its own"),
    ROW("secret", option_take_flag, flag, .mark = HIDDEN, .letter = 's', .help = "hidden"),
    OPTION_HELP_ROWS,
};

static const struct option_table open_table = {.program = "program",
                                               .version = "program 1",
                                               .usage = "Usage: program\n",
                                               .rows = rows,
                                               .n_rows = N_ELEMENTS(rows),
                                               .stops_at_words = true,
                                               .width = 20};

static char said[4096];

/* Parses the words, and what is printed on either stream is kept in `said`. */
static int parse(unsigned hidden, struct options *options, const char *line)
{
    char copy[256], *words[16] = {(char[]){"program"}}, *at = copy;
    int n = 1, saved[2] = {dup(STDOUT_FILENO), dup(STDERR_FILENO)};
    struct option_table table = open_table;
    FILE *file = tmpfile();
    table.hidden = hidden;
    *options = (struct options){0};
    snprintf(copy, sizeof(copy), "%s", line);
    for (char *word; (word = strsep(&at, " ")) && n < 15;)
        words[n++] = word;
    fflush(NULL);
    dup2(fileno(file), STDOUT_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    optind = 0; /* glibc: begin anew */
    int r = option_parse(&table, n, words, options);
    fflush(NULL);
    for (int i = 0; i < 2; i++) {
        dup2(saved[i], STDOUT_FILENO + i);
        close(saved[i]);
    }
    rewind(file);
    said[fread(said, 1, sizeof(said) - 1, file)] = 0;
    fclose(file);
    return r;
}

static void test_values(void **state)
{
    (void)state;
    struct options options;
    assert_int_equal(parse(0, &options, "-f --text=a --number 9 --usec 1.5 --ms 0.0001 word -x"),
                     0);
    assert_true(options.flag);
    assert_int_equal(options.number, 9);
    assert_int_equal(options.usec, 1500000);
    assert_int_equal(options.ms, 1); /* rounded up: 0 would be no time at all */
    assert_int_equal(optind, 9);     /* the first word ends them */
    assert_string_equal(said, "");
    assert_int_equal(parse(0, &options, "-t -f"), 0);
    assert_false(options.flag); /* it is the text */
}

static void test_what_is_wrong_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *line, *said;
    } cases[] = {
        {"--number x", "program: --number x: not a number (2 to 9)\n"},
        {"--number -3", "program: --number -3: not a number (2 to 9)\n"},
        {"--number 1", "program: --number 1: out of range (2 to 9)\n"},
        {"--number 10", "program: --number 10: out of range (2 to 9)\n"},
        {"--usec 11", "program: --usec 11: out of range (up to 10 seconds)\n"},
        {"--usec 5s", "program: --usec 5s: not a number (up to 10 seconds)\n"},
        {"--ms 0", "program: --ms 0: out of range (more than 0, up to 10 seconds)\n"},
        {"--own -22", "program: --own -22: not what it should be\n"}, /* EINVAL */
        {"--own -2", "program: --own -2: No such file or directory\n"},
        {"--own -125", ""}, /* ECANCELED: said already */
        {"--nosuch", "program: unrecognized option '--nosuch'\nsee program --help\n"},
        {"-n", "program: invalid option -- 'n'\nsee program --help\n"},
    };
    struct options options;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        assert_int_equal(parse(0, &options, cases[i].line), -EINVAL);
        assert_string_equal(said, cases[i].said);
    }
}

static void test_answers(void **state)
{
    (void)state;
    struct options options;
    assert_int_equal(parse(0, &options, "-V"), OPTION_ANSWERED);
    assert_string_equal(said, "program 1\n");
    assert_int_equal(parse(0, &options, "--own 7 --number x"), 7); /* nothing after it counts */
    assert_string_equal(said, "");
    assert_int_equal(parse(0, &options, "--help"), OPTION_ANSWERED);
    assert_non_null(strstr(said, "Usage: program\n\n  -f, --flag           a flag\n"
                                 "  -t, --text TEXT      a text\n"));
    assert_non_null(strstr(said, "-s, --secret"));
}

static void test_hidden_rows_are_not_there(void **state)
{
    (void)state;
    struct options options;
    assert_int_equal(parse(HIDDEN, &options, "-h"), OPTION_ANSWERED);
    assert_null(strstr(said, "secret"));
    assert_int_equal(parse(HIDDEN, &options, "--secret"), -EINVAL);
    assert_int_equal(parse(HIDDEN, &options, "-s"), -EINVAL);
    assert_int_equal(parse(0, &options, "-s"), 0);
    assert_true(options.flag);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_what_is_wrong_is_said),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_hidden_rows_are_not_there),
    };
    return RUN_TESTS(tests);
}
