/* The settings: every value that is one, and the errno of every one that is none. */
#include "files.h"
#include "settings.h"

#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct setting *setting_of(const char *name)
{
    int index = file_index(run_files, run_files_count, name);
    assert_true(index >= 0);
    assert_int_not_equal(run_files[index].setting.kind, SETTING_NONE);
    return &run_files[index].setting;
}

static int parse(struct settings *settings, const char *name, const char *value)
{
    return setting_parse(setting_of(name), settings, value, strlen(value));
}

static void check_shown(const struct settings *settings, const char *name, const char *shown)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    setting_print(setting_of(name), settings, out);
    fclose(out);
    assert_string_equal(text, shown);
    free(text);
}

/* NULL: it stays what it was, and that is the errno. */
static const struct {
    const char *name, *value;
    int error;
    const char *shown;
} cases[] = {
    {"time_limit", "5", 0, "5\n"},
    {"time_limit", "1000000", 0, "1000000\n"},
    {"time_limit", "0.5", 0, "0.5\n"},
    {"time_limit", "1.250000", 0, "1.25\n"},
    {"time_limit", "2.000001", 0, "2.000001\n"},
    {"time_limit", "0.0000001", 0, "0.000001\n"},
    {"time_limit", ".5", 0, "0.5\n"},
    {"time_limit", "0.0", 0, "0\n"},
    {"time_limit", "1000000.1", ERANGE, NULL},
    {"time_limit", "5.", EINVAL, NULL},
    {"time_limit", "1000000", 0, "1000000\n"},
    {"time_limit", "1000001", ERANGE, NULL},
    {"time_limit", "99999999999999999999999", ERANGE, NULL},
    {"time_limit", "-1", EINVAL, NULL},
    {"time_limit", "0x5", EINVAL, NULL},
    {"time_limit", "", EINVAL, NULL},
    {"time_limit", "5 5", EINVAL, NULL},
    {"hard_time_limit", "0", 0, "0\n"},
    {"memory_limit", "0", 0, "0\n"},
    {"memory_limit", "19", ERANGE, NULL},
    {"memory_limit", "20", 0, "20\n"},
    {"memory_limit", "1048577", ERANGE, NULL},
    {"share_network", "1", 0, "1\n"},
    {"share_network", "0", 0, "0\n"},
    {"share_network", "2", EINVAL, NULL},
    {"share_network", "true", EINVAL, NULL},
    {"container", "x", 0, "x\n"},
    {"container", "", 0, "\n"},
    {"container", "\xff", EILSEQ, NULL},
    {"working_dir", "/task/student/a b", 0, "/task/student/a b\n"},
    {"stdin_eof", "manual", 0, "manual\n"},
    {"stdin_eof", "never", EINVAL, NULL},
    {"output_limit", "0", 0, "0\n"},
    {"output_limit", "9223372036854775807", 0, "9223372036854775807\n"},
    {"output_limit", "9223372036854775808", ERANGE, NULL},
};

static void test_values(void **state)
{
    (void)state;
    struct settings settings;
    settings_init(&settings);
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        assert_int_equal(parse(&settings, cases[i].name, cases[i].value), -cases[i].error);
        if (cases[i].shown)
            check_shown(&settings, cases[i].name, cases[i].shown);
    }
    /* What was refused has changed nothing. */
    check_shown(&settings, "time_limit", "1000000\n");
    check_shown(&settings, "memory_limit", "20\n");
    check_shown(&settings, "share_network", "0\n");
    check_shown(&settings, "stdin_eof", "manual\n");
    check_shown(&settings, "container", "\n");
    settings_deinit(&settings);
}

static void test_nul_and_length(void **state)
{
    (void)state;
    struct settings settings;
    static char longer[4098];
    settings_init(&settings);
    memset(longer, 'x', sizeof(longer) - 1);
    assert_int_equal(setting_parse(setting_of("container"), &settings, "a\0b", 3), -EINVAL);
    assert_int_equal(setting_parse(setting_of("time_limit"), &settings, "1\0", 2), -EINVAL);
    assert_int_equal(parse(&settings, "working_dir", longer), -E2BIG);
    settings_deinit(&settings);
}

static void test_copies_are_apart(void **state)
{
    (void)state;
    struct settings from, to;
    settings_init(&from);
    settings_init(&to);
    assert_int_equal(parse(&from, "container", "one"), 0);
    assert_int_equal(parse(&from, "time_limit", "7"), 0);
    assert_int_equal(parse(&to, "container", "two"), 0);
    assert_int_equal(settings_copy(&from, &to), 0);
    check_shown(&to, "container", "one\n");
    check_shown(&to, "time_limit", "7\n");
    check_shown(&to, "output_limit", "67108864\n");
    assert_int_equal(parse(&from, "container", "three"), 0);
    check_shown(&to, "container", "one\n");
    settings_deinit(&from);
    settings_deinit(&to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_nul_and_length),
        cmocka_unit_test(test_copies_are_apart),
    };
    return RUN_TESTS(tests);
}
