/* The settings of a run: what a grader may choose before it starts. */
#pragma once

#include "input.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct settings {
    char *container;                      /* NULL or empty: the default environment */
    uint64_t time_limit, hard_time_limit; /* microseconds; 0: the agent's default */
    uint64_t memory_limit;                /* MiB; 0: the agent's default */
    bool share_network;
    bool start_student_as_root;
    bool ssh;
    char *working_dir; /* NULL or empty: that of whoever writes cmd */
    char *teardown_script;
    bool stdout_err_fuse;
    uint64_t output_limit; /* bytes per stream; 0: none */
    uint64_t stdin_eof;    /* enum input_end */
};

enum setting_kind {
    SETTING_NONE,
    SETTING_NUMBER,
    SETTING_SECONDS,
    SETTING_BOOL,
    SETTING_TEXT,
    SETTING_CHOICE
};

/* One setting: how its text becomes a member of struct settings, and back. */
struct setting {
    enum setting_kind kind;
    size_t offset;
    uint64_t min, max;          /* SETTING_NUMBER, besides 0; SETTING_SECONDS: max, in seconds */
    const char *const *choices; /* SETTING_CHOICE, up to NULL */
};

extern const char *const input_end_names[];

/* output_limit's default (studentfs(5)). */
#define OUTPUT_LIMIT_DEFAULT (UINT64_C(64) << 20)

void settings_init(struct settings *settings);
/* -ENOMEM: nothing is changed. */
int settings_copy(const struct settings *from, struct settings *to);
void settings_deinit(struct settings *settings);

/*
 * Sets it from a text without white space around it. -EINVAL: no such value; -ERANGE: a
 * number out of range; -EILSEQ: not UTF-8; -E2BIG, -ENOMEM. Nothing is changed on failure.
 */
int setting_parse(const struct setting *setting, struct settings *settings, const char *text,
                  size_t size);
void setting_print(const struct setting *setting, const struct settings *settings, FILE *out);
