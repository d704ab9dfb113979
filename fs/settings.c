/* The settings of a run: see settings.h. */
#include "settings.h"

#include "base/number.h"
#include "studentrun.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A number has 20 digits at most; more text than this is no number or name of ours. */
#define WORD_MAX 64
/* A directory or an environment's name: PATH_MAX. */
#define TEXT_MAX 4096

const char *const input_end_names[] = {
    [INPUT_END_AUTO] = "auto", [INPUT_END_MANUAL] = "manual", [INPUT_END_NOW] = "now", NULL};

void settings_init(struct settings *settings)
{
    *settings = (struct settings){.output_limit = OUTPUT_LIMIT_DEFAULT};
}

static char *copy_text(const char *text, bool *failed)
{
    char *copy = text ? strdup(text) : NULL;
    *failed |= text && !copy;
    return copy;
}

int settings_copy(const struct settings *from, struct settings *to)
{
    bool failed = false;
    struct settings copy = *from;
    copy.container = copy_text(from->container, &failed);
    copy.working_dir = copy_text(from->working_dir, &failed);
    copy.teardown_script = copy_text(from->teardown_script, &failed);
    if (failed) {
        settings_deinit(&copy);
        return -ENOMEM;
    }
    settings_deinit(to);
    *to = copy;
    return 0;
}

void settings_deinit(struct settings *settings)
{
    free(settings->container);
    free(settings->working_dir);
    free(settings->teardown_script);
}

static int parse_number(const struct setting *setting, const char *word, uint64_t *ret_number)
{
    uint64_t number;
    int r = number_parse(word, 0, setting->max, &number);
    if (r < 0)
        return r;
    if (number > 0 && number < setting->min)
        return -ERANGE;
    *ret_number = number;
    return 0;
}

static int parse_choice(const struct setting *setting, const char *word, uint64_t *ret_choice)
{
    for (uint64_t i = 0; setting->choices[i]; i++) {
        if (strcmp(setting->choices[i], word) == 0) {
            *ret_choice = i;
            return 0;
        }
    }
    return -EINVAL;
}

static int parse_bool(const char *word, bool *ret_value)
{
    if (strcmp(word, "0") != 0 && strcmp(word, "1") != 0)
        return -EINVAL;
    *ret_value = *word == '1';
    return 0;
}

static int parse_text(const char *text, size_t size, char **text_member)
{
    if (size > TEXT_MAX)
        return -E2BIG;
    if (memchr(text, 0, size))
        return -EINVAL;
    if (studentrun_command_check(text, size) == -EILSEQ)
        return -EILSEQ;
    char *copy = strndup(text, size);
    if (!copy)
        return -ENOMEM;
    free(*text_member);
    *text_member = copy;
    return 0;
}

int setting_parse(const struct setting *setting, struct settings *settings, const char *text,
                  size_t size)
{
    void *member = (char *)settings + setting->offset;
    if (setting->kind == SETTING_TEXT)
        return parse_text(text, size, member);
    char word[WORD_MAX];
    if (size >= sizeof(word) || memchr(text, 0, size))
        return -EINVAL;
    memcpy(word, text, size);
    word[size] = 0;
    if (setting->kind == SETTING_NUMBER)
        return parse_number(setting, word, member);
    if (setting->kind == SETTING_SECONDS)
        return number_parse_seconds(word, setting->max * NUMBER_USEC_PER_S, member);
    if (setting->kind == SETTING_CHOICE)
        return parse_choice(setting, word, member);
    return parse_bool(word, member);
}

/* As one would have written it: "5", "0.5". */
static void print_seconds(uint64_t usec, FILE *out)
{
    unsigned digits = 6;
    uint64_t fraction = usec % NUMBER_USEC_PER_S;
    fprintf(out, "%" PRIu64, usec / NUMBER_USEC_PER_S);
    for (; fraction > 0 && fraction % 10 == 0; fraction /= 10)
        digits--;
    if (fraction > 0)
        fprintf(out, ".%0*" PRIu64, (int)digits, fraction);
    fputc('\n', out);
}

void setting_print(const struct setting *setting, const struct settings *settings, FILE *out)
{
    const void *member = (const char *)settings + setting->offset;
    switch (setting->kind) {
    case SETTING_NUMBER:
        fprintf(out, "%" PRIu64 "\n", *(const uint64_t *)member);
        break;
    case SETTING_SECONDS:
        print_seconds(*(const uint64_t *)member, out);
        break;
    case SETTING_BOOL:
        fprintf(out, "%d\n", *(const bool *)member);
        break;
    case SETTING_CHOICE:
        fprintf(out, "%s\n", setting->choices[*(const uint64_t *)member]);
        break;
    case SETTING_TEXT: {
        const char *text = *(char *const *)member;
        fprintf(out, "%s\n", text ? text : "");
        break;
    }
    case SETTING_NONE:
        break;
    }
}
