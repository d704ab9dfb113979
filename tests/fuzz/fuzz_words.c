/* Any bytes are words or are refused; words that are quoted are the same words again. */
#include "fuzz.h"
#include "protocol/words.h"

#include <errno.h>
#include <string.h>

static char *quote(char *out, const char *word)
{
    *out++ = '\'';
    for (; *word; word++) {
        if (*word == '\'') {
            memcpy(out, "'\\''", 4);
            out += 4;
        } else {
            *out++ = *word;
        }
    }
    *out++ = '\'';
    *out++ = ' ';
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char **words, **again, *text = malloc(size + 1);
    CHECK(text);
    memcpy(text, data, size);
    int r = words_split(text, size, &words);
    free(text);
    CHECK(r == 0 || r == -EAGAIN || r == -EINVAL);
    if (r < 0)
        return 0;
    size_t room = 1;
    for (char **word = words; *word; word++)
        room += 4 * strlen(*word) + 3;
    char *quoted = malloc(room), *end = quoted;
    CHECK(quoted);
    for (char **word = words; *word; word++)
        end = quote(end, *word);
    CHECK(words_split(quoted, (size_t)(end - quoted), &again) == 0);
    size_t n = 0;
    for (; words[n]; n++)
        CHECK(again[n] && strcmp(words[n], again[n]) == 0);
    CHECK(!again[n]);
    free(quoted);
    free(again);
    free(words);
    return 0;
}
