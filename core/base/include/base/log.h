/*
 * What a program logs: a line each on standard error.
 *
 *   a terminal, a file     studentfs: the line
 *   the journal            <4>the line          the level, as sd-daemon(3) has it
 *   in the background      syslog(3)            which the journal reads as well
 *
 * A program that starts another as a part of itself has it write as to the journal
 * (log_as_journal), and passes its lines on with log_pass_on(). Only programs log, no library does.
 */
#pragma once

/* syslog(3)'s numbers, and the kernel's. */
enum log_level {
    LOG_LEVEL_ERROR = 3,
    LOG_LEVEL_WARNING = 4,
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7
};

/* Finds out whether standard error is the journal's. program is kept. Without it: no name, all
 * levels. */
void log_open(const char *program);
/* Of "error", "warning", "info", "debug"; -EINVAL. */
int log_level_of_name(const char *name);
/* What is less urgent is dropped. LOG_LEVEL_WARNING until then. */
void log_set_level(int level);
void log_as_journal(void);
/* From here on to syslog(3): standard error is about to go. */
void log_to_syslog(void);

void log_at(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define log_error(...)   log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* A line that another program wrote as to the journal; one without a level
 * goes on as it is, as a warning. line is written to. */
void log_pass_on(const char *program, char *line);
