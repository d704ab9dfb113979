/* The file `runs` as rows: see table.h. */
#include "table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct column_name column_names[COLUMNS] = {
    [COLUMN_NAME] = {"name", 'n', false},      [COLUMN_STATE] = {"state", 's', false},
    [COLUMN_RETVAL] = {"retval", 'v', true},   [COLUMN_CPU] = {"cpu", 'c', true},
    [COLUMN_WALL] = {"wall", 'w', true},       [COLUMN_MEMORY] = {"memory", 'm', true},
    [COLUMN_COMMAND] = {"command", 'o', false}};

enum column column_of_name(const char *name)
{
    unsigned i = 0;
    while (i < COLUMNS && strcmp(column_names[i].name, name) != 0)
        i++;
    return (enum column)i;
}

/* --- reading --- */

/* Ends the field at *at, and moves on to the next. */
static char *cut(char **at)
{
    char *field = *at;
    char *end = field + strcspn(field, " ");
    *at = end + strspn(end, " ");
    *end = 0;
    return field;
}

static char *find_state(char *line)
{
    static const char *const states[] = {" new ", " starting ", " running ", " ended "};
    char *first = NULL;
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        char *found = strstr(line, states[i]);
        if (found && (!first || found < first))
            first = found;
    }
    return first;
}

/* A name may have spaces in it: it ends where the state's name begins. */
static bool parse(char *line, struct row *row)
{
    char *at = find_state(line);
    if (!at || at == line)
        return false;
    char *end = at;
    at++;
    while (end > line && end[-1] == ' ')
        end--;
    *end = 0;
    row->fields[COLUMN_NAME] = line;
    for (unsigned i = COLUMN_STATE; i < COLUMN_COMMAND; i++)
        row->fields[i] = cut(&at);
    row->fields[COLUMN_COMMAND] = at;
    return *row->fields[COLUMN_MEMORY] != 0;
}

static size_t count_lines(const char *text)
{
    size_t n = 0;
    for (; (text = strchr(text, '\n')); text++)
        n++;
    return n;
}

int table_take(struct table *table, char *text)
{
    size_t n_lines = count_lines(text);
    *table = (struct table){.text = text, .rows = calloc(n_lines + 1, sizeof(struct row))};
    if (!table->rows) {
        table_deinit(table);
        return -ENOMEM;
    }
    char *rest = text;
    strsep(&rest, "\n"); /* the heading */
    for (char *line; (line = strsep(&rest, "\n"));) {
        struct row *row = &table->rows[table->n_rows];
        if (!parse(line, row))
            continue;
        row->serial = table->n_rows++;
        table->n_running += strcmp(row->fields[COLUMN_STATE], "running") == 0;
    }
    return 0;
}

void table_deinit(struct table *table)
{
    free(table->rows);
    free(table->text);
    *table = (struct table){0};
}

/* --- order --- */

struct order {
    enum column column;
    bool reversed;
};

/* "-" is less than any number. */
static double number_of(const char *field)
{
    return *field == '-' ? -1 : strtod(field, NULL);
}

static int compare(const void *a, const void *b, void *data)
{
    const struct row *left = a, *right = b;
    const struct order *order = data;
    int r = 0;
    if (order->column != COLUMN_NONE && column_names[order->column].is_number) {
        double x = number_of(left->fields[order->column]);
        double y = number_of(right->fields[order->column]);
        r = (x < y) - (x > y);
    } else if (order->column != COLUMN_NONE) {
        r = strcmp(left->fields[order->column], right->fields[order->column]);
    }
    if (r == 0)
        r = (left->serial > right->serial) - (left->serial < right->serial);
    return order->reversed ? -r : r;
}

void table_sort(struct table *table, enum column column, bool reversed)
{
    struct order order = {column, reversed};
    qsort_r(table->rows, table->n_rows, sizeof(struct row), compare, &order);
}

static bool is_among(const char *name, char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return n == 0;
}

void table_keep(struct table *table, char *const *names, size_t n)
{
    size_t kept = 0;
    table->n_running = 0;
    for (size_t i = 0; i < table->n_rows; i++) {
        if (!is_among(table->rows[i].fields[COLUMN_NAME], names, n))
            continue;
        table->rows[kept++] = table->rows[i];
        table->n_running += strcmp(table->rows[i].fields[COLUMN_STATE], "running") == 0;
    }
    table->n_rows = kept;
}
