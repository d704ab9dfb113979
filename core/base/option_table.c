/* Options from a table. */
#include "base/option_table.h"

#include "base/number.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define USEC_PER_MS (NUMBER_USEC_PER_S / 1000)
/* getopt's answers: a letter, or this and the row's index. */
#define LONG_BASE 256

static void *member(const struct option_row *row, void *options)
{
    return (char *)options + row->offset;
}

static bool has(const struct option_table *table, const struct option_row *row)
{
    return !(row->mark & table->hidden);
}

/* --- the values --- */

int option_take_flag(const struct option_table *table, const struct option_row *row, char *text,
                     void *options)
{
    (void)table, (void)text;
    *(bool *)member(row, options) = true;
    return 0;
}

int option_take_text(const struct option_table *table, const struct option_row *row, char *text,
                     void *options)
{
    (void)table;
    *(const char **)member(row, options) = text;
    return 0;
}

int option_take_number(const struct option_table *table, const struct option_row *row, char *text,
                       void *options)
{
    (void)table;
    return number_parse(text, row->min, row->max, member(row, options));
}

int option_take_usec(const struct option_table *table, const struct option_row *row, char *text,
                     void *options)
{
    (void)table;
    return number_parse_seconds(text, row->max * NUMBER_USEC_PER_S, member(row, options));
}

int option_take_ms(const struct option_table *table, const struct option_row *row, char *text,
                   void *options)
{
    (void)table;
    uint64_t usec;
    int r = number_parse_seconds(text, row->max * NUMBER_USEC_PER_S, &usec);
    if (r == 0 && usec == 0)
        r = -ERANGE;
    if (r == 0)
        *(uint32_t *)member(row, options) = (uint32_t)((usec + USEC_PER_MS - 1) / USEC_PER_MS);
    return r;
}

/* --- what is told --- */

int option_print_help(const struct option_table *table, const struct option_row *row, char *text,
                      void *options)
{
    (void)row, (void)text, (void)options;
    puts(table->usage);
    for (size_t i = 0; i < table->n_rows; i++) {
        const struct option_row *shown = &table->rows[i];
        char left[64], letter[] = {'-', shown->letter, ',', ' ', 0};
        if (!has(table, shown))
            continue;
        snprintf(left, sizeof(left), "%s--%s%s%s", shown->letter ? letter : "", shown->name,
                 shown->value ? " " : "", shown->value ? shown->value : "");
        printf("  %-*s %s\n", table->width, left, shown->help);
    }
    if (table->after)
        puts(table->after);
    return OPTION_ANSWERED;
}

int option_print_version(const struct option_table *table, const struct option_row *row, char *text,
                         void *options)
{
    (void)row, (void)text, (void)options;
    puts(table->version);
    return OPTION_ANSWERED;
}

/* What it may be, where that is a number: one with a sign is none. */
static void describe_range(const struct option_row *row, char *ret_text, size_t size)
{
    *ret_text = 0;
    if (row->take == option_take_number)
        snprintf(ret_text, size, " (%" PRIu64 " to %" PRIu64 ")", row->min, row->max);
    else if (row->take == option_take_usec)
        snprintf(ret_text, size, " (up to %" PRIu64 " seconds)", row->max);
    else if (row->take == option_take_ms)
        snprintf(ret_text, size, " (more than 0, up to %" PRIu64 " seconds)", row->max);
}

static void say_what_is_wrong(const struct option_table *table, const struct option_row *row,
                              const char *text, int error)
{
    char range[80] = "";
    const char *what = strerror(-error);
    if (error == -EINVAL)
        what = row->wrong ? row->wrong : "not a number";
    else if (error == -ERANGE)
        what = "out of range";
    if (error == -ERANGE || (error == -EINVAL && !row->wrong))
        describe_range(row, range, sizeof(range));
    fprintf(stderr, "%s: --%s %s: %s%s\n", table->program, row->name, text, what, range);
}

int option_take(const struct option_table *table, const struct option_row *row, char *text,
                void *options)
{
    int r = row->take(table, row, text, options);
    if (r < 0 && r != -ECANCELED)
        say_what_is_wrong(table, row, text, r);
    return r < 0 ? -EINVAL : r;
}

/* --- getopt's tables, from ours --- */

static void make_tables(const struct option_table *table, struct option *longs, char *letters)
{
    if (table->stops_at_words)
        *letters++ = '+';
    for (size_t i = 0; i < table->n_rows; i++) {
        const struct option_row *row = &table->rows[i];
        if (!has(table, row))
            continue;
        int argument = row->value ? required_argument : no_argument;
        *longs++ = (struct option){row->name, argument, NULL, (int)i + LONG_BASE};
        if (!row->letter)
            continue;
        *letters++ = row->letter;
        if (row->value)
            *letters++ = ':';
    }
    *longs = (struct option){0};
    *letters = 0;
}

static const struct option_row *row_of(const struct option_table *table, int found)
{
    if (found >= LONG_BASE)
        return &table->rows[found - LONG_BASE];
    for (size_t i = 0; i < table->n_rows; i++)
        if (table->rows[i].letter == found && has(table, &table->rows[i]))
            return &table->rows[i];
    return NULL;
}

int option_parse(const struct option_table *table, int argc, char **argv, void *options)
{
    struct option longs[OPTION_ROWS_MAX + 1];
    char letters[2 * OPTION_ROWS_MAX + 2];
    int r = 0;
    assert(table->n_rows <= OPTION_ROWS_MAX);
    make_tables(table, longs, letters);
    for (int found; r == 0 && (found = getopt_long(argc, argv, letters, longs, NULL)) != -1;) {
        const struct option_row *row = row_of(table, found);
        if (!row) /* getopt has said what is wrong */
            fprintf(stderr, "see %s --help\n", table->program);
        r = row ? option_take(table, row, optarg, options) : -EINVAL;
    }
    return r;
}
