/* The command's text. */
#include "command_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_quoted(FILE *out, const char *word)
{
    putc('\'', out);
    for (; *word; word++)
        if (*word == '\'')
            fputs("'\\''", out);
        else
            putc(*word, out);
    putc('\'', out);
}

char *command_line_of(char *const *words)
{
    char *text = NULL;
    size_t size = 0;
    if (words[0] && !words[1])
        return strdup(words[0]);
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    for (size_t i = 0; words[i]; i++) {
        if (i > 0)
            putc(' ', out);
        add_quoted(out, words[i]);
    }
    int failed = ferror(out);
    if (fclose(out) != 0 || failed) {
        free(text);
        return NULL;
    }
    return text;
}
