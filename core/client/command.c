/* Whether a command can be sent to an init and executed by it. */
#include "text.h"

#include "protocol/utf8.h"
#include "protocol/words.h"
#include "studentrun.h"

#include <errno.h>
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

int text_check(const char *text)
{
    size_t size = text ? strlen(text) : 0;
    if (size > TEXT_MAX)
        return -E2BIG;
    return utf8_is_valid(text, size) ? 0 : -EILSEQ;
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
    if (!utf8_is_valid(command, size))
        return -EILSEQ;
    int r = words_split(command, size, &words);
    if (r < 0)
        return r;
    r = check_words(words);
    free(words);
    return r;
}
