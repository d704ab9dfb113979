/*
 * The file `runs` as rows, in the order that is asked for. No terminal, no waiting.
 *
 * Fields are text, as the file has them, and point into it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum column {
    COLUMN_NAME,
    COLUMN_STATE,
    COLUMN_RETVAL,
    COLUMN_CPU,
    COLUMN_WALL,
    COLUMN_MEMORY,
    COLUMN_COMMAND,
    COLUMNS,
    COLUMN_NONE = COLUMNS /* as the file has them: the oldest first */
};

struct row {
    const char *fields[COLUMNS];
    size_t serial; /* its place in the file */
};

struct table {
    char *text;
    struct row *rows;
    size_t n_rows, n_running;
};

/* What a column is called on the command line, and its key; NULL past the last. */
struct column_name {
    const char *name;
    char key;
    bool is_number;
};
extern const struct column_name column_names[COLUMNS];

/* Of a name; COLUMN_NONE: there is none of it. */
enum column column_of_name(const char *name);

/*
 * Takes the text of the file, with a heading first; frees it with the table, also on an error.
 * Lines that are none of a run are left out. -ENOMEM.
 */
int table_take(struct table *table, char *text);
void table_deinit(struct table *table);

/* Numbers: the largest first; text: in the order of the alphabet; of equals, the older first. */
void table_sort(struct table *table, enum column column, bool reversed);

/* Keeps only those named; n 0: all. */
void table_keep(struct table *table, char *const *names, size_t n);
