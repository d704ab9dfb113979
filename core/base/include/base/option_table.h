/*
 * A program's options from one table: for getopt, for --help, and for what is said of a wrong
 * value.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct option_table;
struct option_row;

enum { OPTION_ANSWERED = 1 }; /* --help and the like: the program is to end well */

/*
 * Puts the value (NULL: the option has none) where it belongs. 0; OPTION_ANSWERED or more, as the
 * program has it; -ECANCELED: what is wrong was said; -EINVAL: it is not what the row's `wrong`
 * says; -ERANGE; others are said as strerror() has them.
 */
typedef int option_fn(const struct option_table *table, const struct option_row *row, char *text,
                      void *options);

struct option_row {
    const char *name;
    char letter; /* or 0 */
    option_fn *take;
    size_t offset;            /* of the member in the program's options */
    uint64_t min, max;        /* of a number; of seconds the most, in seconds */
    unsigned mark;            /* the program's own */
    const char *value, *help; /* value: as the help names it; NULL: it takes none */
    const char *wrong;        /* NULL: "not a number" */
};

struct option_table {
    const char *program, *version;
    const char *usage, *after; /* around the help's list; after may be NULL */
    const struct option_row *rows;
    size_t n_rows;       /* at most OPTION_ROWS_MAX */
    unsigned hidden;     /* rows with one of these marks are not there */
    bool stops_at_words; /* what follows the first word that is no option is not looked at */
    int width;           /* of the help's left side */
};

#define OPTION_ROWS_MAX 64

/* A row for a member of TYPE. */
#define OPTION(TYPE, option_name, taker, member, ...)                                              \
    {                                                                                              \
        .name = option_name, .take = taker, .offset = offsetof(TYPE, member), __VA_ARGS__          \
    }
/* The last two of every program. */
#define OPTION_HELP_ROWS                                                                           \
    {.name = "help", .letter = 'h', .take = option_print_help, .help = "this text"},               \
    {                                                                                              \
        .name = "version", .letter = 'V', .take = option_print_version, .help = "the version"      \
    }

option_fn option_take_flag;   /* bool */
option_fn option_take_text;   /* const char *, borrowed */
option_fn option_take_number; /* uint64_t, from min to max */
option_fn option_take_usec;   /* uint64_t, microseconds, of seconds with a fraction, up to max */
option_fn option_take_ms;     /* uint32_t, milliseconds, the same, rounded up and never 0 */
option_fn option_print_help, option_print_version;

/* Takes one value and says what is wrong with it. 0, what the taker has answered, or -EINVAL. */
int option_take(const struct option_table *table, const struct option_row *row, char *text,
                void *options);
/* All of the command line; the words begin at optind then. As option_take(). */
int option_parse(const struct option_table *table, int argc, char **argv, void *options);
