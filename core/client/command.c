/* Whether a command can be sent to an init and executed by it. */
#include "text.h"

#include "protocol/words.h"
#include "studentrun.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/*
 * What execve() takes: one string of 32 pages, its NUL included (MAX_ARG_STRLEN); all of
 * them with their pointers a quarter of the stack's limit, 8 MiB by default
 * (linux/fs/exec.c, bprm_stack_limits). The environment and the program's name share that.
 */
#define WORD_MAX        (32u * 4096)
#define WORDS_MAX       ((8u << 20) / 4)
#define ENVIRONMENT_MAX (4u * 4096)

/* The code points of each length of sequence; what is below could have been shorter. */
static const struct {
    unsigned char mask, lead;
    unsigned char size;
    uint32_t min;
} sequences[] = {
    {0x80, 0x00, 1, 0x0},
    {0xe0, 0xc0, 2, 0x80},
    {0xf0, 0xe0, 3, 0x800},
    {0xf8, 0xf0, 4, 0x10000},
};

/* The bytes of the character at text, 0 where there is none. */
static size_t utf8_size(const unsigned char *text, size_t size)
{
    for (size_t i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++) {
        if ((text[0] & sequences[i].mask) != sequences[i].lead)
            continue;
        if (size < sequences[i].size)
            return 0;
        uint32_t point = text[0] & (unsigned char)~sequences[i].mask;
        for (size_t n = 1; n < sequences[i].size; n++) {
            if ((text[n] & 0xc0) != 0x80)
                return 0;
            point = point << 6 | (text[n] & 0x3f);
        }
        bool is_surrogate = point >= 0xd800 && point <= 0xdfff;
        return point < sequences[i].min || point > 0x10ffff || is_surrogate ? 0 : sequences[i].size;
    }
    return 0;
}

bool text_is_utf8(const char *text, size_t size)
{
    const unsigned char *at = (const unsigned char *)text;
    for (size_t n; size > 0; at += n, size -= n) {
        n = utf8_size(at, size);
        if (n == 0)
            return false;
    }
    return true;
}

int text_check(const char *text)
{
    size_t size = text ? strlen(text) : 0;
    if (size > TEXT_MAX)
        return -E2BIG;
    return text_is_utf8(text, size) ? 0 : -EILSEQ;
}

static int check_words(char *const *words)
{
    size_t all = ENVIRONMENT_MAX;
    if (!words[0])
        return -EINVAL;
    for (; *words; words++) {
        size_t size = strlen(*words) + 1;
        all += size + sizeof(char *);
        if (size > WORD_MAX || all > WORDS_MAX)
            return -E2BIG;
    }
    return 0;
}

int studentrun_command_check(const char *command, size_t size)
{
    char **words;
    if (memchr(command, 0, size))
        return -EINVAL;
    if (size > TEXT_MAX)
        return -E2BIG;
    if (!text_is_utf8(command, size))
        return -EILSEQ;
    int r = words_split(command, size, &words);
    if (r < 0)
        return r;
    r = check_words(words);
    free(words);
    return r;
}
