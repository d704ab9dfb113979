/* The list of -o: see mount_options.h. */
#include "mount_options.h"

#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The row of `name=value`: as mount(8) has it, in fstab(5), with '_' where ours have '-'. */
static const struct option_row *row_of_item(const struct option_table *table, const char *item)
{
    size_t size = strcspn(item, "=");
    for (size_t i = 0; i < table->n_rows && item[size]; i++) {
        const struct option_row *row = &table->rows[i];
        size_t n = 0;
        while (n < size && row->name[n] == (item[n] == '_' ? '-' : item[n]))
            n++;
        if (n == size && !row->name[n] && row->value && row->take != mount_options_take)
            return row;
    }
    return NULL;
}

static int add_mount_option(char **list, const char *item)
{
    char *longer;
    if (asprintf(&longer, "%s%s%s", *list ? *list : "", *list ? "," : "", item) < 0)
        return -ENOMEM;
    free(*list);
    *list = longer;
    return 0;
}

/* The end of the item that the list begins with: a comma after a backslash is part of it. */
static char *end_of_item(char *list)
{
    while (*list && *list != ',')
        list += *list == '\\' && list[1] ? 2 : 1;
    return list;
}

static void remove_backslashes(char *text)
{
    char *to = text;
    for (; *text; *to++ = *text++)
        if (*text == '\\' && text[1])
            text++;
    *to = 0;
}

/* What is wrong with one of ours is said by its own name. */
int mount_options_take(const struct option_table *table, const struct option_row *row, char *text,
                       void *options)
{
    (void)row;
    int r = 0;
    while (r == 0 && *text) {
        char *end = end_of_item(text), *item = text;
        text = *end ? end + 1 : end;
        *end = 0;
        const struct option_row *ours = row_of_item(table, item);
        if (ours) {
            char *value = strchr(item, '=') + 1;
            remove_backslashes(value);
            r = option_take(table, ours, value, options);
        } else if (*item) {
            r = add_mount_option(&((struct options *)options)->mount_options, item);
        }
    }
    return r == -EINVAL ? -ECANCELED : r;
}
