/* Commands: text to words. */
#include "protocol/words.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct splitter {
    const char *text, *end;
    char *out;
    bool in_word;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* A backslash newline is nothing at all; the caller has seen that something follows. */
static void take_escaped(struct splitter *s)
{
    char c = *s->text++;
    if (c == '\n')
        return;
    *s->out++ = c;
    s->in_word = true;
}

static int take_single_quoted(struct splitter *s)
{
    const char *close = memchr(s->text, '\'', (size_t)(s->end - s->text));
    if (!close)
        return -EAGAIN;
    memcpy(s->out, s->text, (size_t)(close - s->text));
    s->out += close - s->text;
    s->text = close + 1;
    return 0;
}

/* Inside double quotes a backslash escapes only what would mean something there. */
static int take_double_quoted(struct splitter *s)
{
    while (s->text < s->end) {
        char c = *s->text++;
        if (c == '"')
            return 0;
        if (c == '\\' && s->text < s->end && strchr("$`\"\\\n", *s->text)) {
            c = *s->text++;
            if (c == '\n')
                continue;
        }
        *s->out++ = c;
    }
    return -EAGAIN;
}

/* Takes one character or quoted part; ends the word at a blank. */
static int take_part(struct splitter *s)
{
    char c = *s->text++;
    if (c == '\\') {
        if (s->text == s->end)
            return -EAGAIN;
        take_escaped(s);
    } else if (c == '\'' || c == '"') {
        s->in_word = true;
        return c == '\'' ? take_single_quoted(s) : take_double_quoted(s);
    } else if (!is_blank(c)) {
        *s->out++ = c;
        s->in_word = true;
    } else if (s->in_word) {
        *s->out++ = 0;
        s->in_word = false;
    }
    return 0;
}

int words_split(const char *text, size_t size, char ***ret_words)
{
    if (memchr(text, 0, size))
        return -EINVAL;
    /* At most one word for each two characters, one more, and the closing NULL. */
    size_t max_words = size / 2 + 2;
    char **words = malloc(max_words * sizeof(char *) + size + 2);
    if (!words)
        return -ENOMEM;
    char *first = (char *)(words + max_words);
    struct splitter s = {.text = text, .end = text + size, .out = first};
    while (s.text < s.end) {
        int r = take_part(&s);
        if (r < 0) {
            free(words);
            return r;
        }
    }
    if (s.in_word)
        *s.out++ = 0;
    size_t n = 0;
    for (char *word = first; word < s.out; word += strlen(word) + 1)
        words[n++] = word;
    words[n] = NULL;
    *ret_words = words;
    return 0;
}
