/* The log: see log.h. */
#include "base/log.h"

#include "base/escape.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#define LINE_MAX_SIZE 2048

static struct {
    const char *program;
    int level;
    enum { TO_STDERR, TO_JOURNAL, TO_SYSLOG } target;
} log_state = {.level = LOG_LEVEL_WARNING};

/* JOURNAL_STREAM is the device and inode of what systemd made our stderr; it may have been replaced
 * since. */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat st;
    return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void log_open(const char *program)
{
    log_state.program = program;
    if (stderr_is_journal())
        log_as_journal();
}

int log_level_of_name(const char *name)
{
    static const struct {
        const char *name;
        enum log_level level;
    } levels[] = {{"error", LOG_LEVEL_ERROR},
                  {"warning", LOG_LEVEL_WARNING},
                  {"info", LOG_LEVEL_INFO},
                  {"debug", LOG_LEVEL_DEBUG}};
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
        if (strcmp(levels[i].name, name) == 0)
            return (int)levels[i].level;
    return -EINVAL;
}

void log_set_level(int level)
{
    log_state.level = level;
}

void log_as_journal(void)
{
    log_state.target = TO_JOURNAL;
}

void log_to_syslog(void)
{
    openlog(log_state.program, LOG_PID | LOG_NDELAY, LOG_DAEMON);
    log_state.target = TO_SYSLOG;
}

/* A line stays a line, and no terminal obeys it, whoever named what is told of. */
static void disarm(char *line)
{
    for (size_t left = strlen(line), length; left > 0; line += length, left -= length) {
        length = escape_plain_length(line, left);
        if (length == 0) {
            *line = '?';
            length = 1;
        }
    }
}

/* One write, so that lines of several processes stay whole. */
static void put(int level, const char *program, char *line)
{
    char text[LINE_MAX_SIZE + 64];
    const char *separator = *program ? ": " : "";
    int n;
    if (level > log_state.level)
        return;
    disarm(line);
    if (log_state.target == TO_SYSLOG) {
        syslog(level, "%s%s%s", program, separator, line);
        return;
    }
    if (log_state.target == TO_JOURNAL)
        n = snprintf(text, sizeof(text), "<%d>%s%s%s\n", level, program, separator, line);
    else
        n = snprintf(text, sizeof(text), "%s%s%s\n", program, separator, line);
    if (n >= (int)sizeof(text)) {
        n = (int)sizeof(text) - 1;
        text[n - 1] = '\n';
    }
    if (n > 0 && write(STDERR_FILENO, text, (size_t)n) < 0)
        return; /* nobody is there to be told */
}

void log_at(enum log_level level, const char *format, ...)
{
    char line[LINE_MAX_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    /* The journal and syslog know who we are. */
    put((int)level, log_state.target == TO_STDERR && log_state.program ? log_state.program : "",
        line);
}

void log_pass_on(const char *program, char *line)
{
    bool has_level = line[0] == '<' && line[1] >= '0' && line[1] <= '7' && line[2] == '>';
    if (has_level)
        put(line[1] - '0', program, line + 3);
    else if (*line)
        put(LOG_LEVEL_WARNING, "", line);
}
