/* The command line of studentfs(1). */
#pragma once

#include "base/option_table.h"
#include "studentrun.h"

#include <stdbool.h>
#include <stdint.h>

#define OPTION_LIST_MAX 64 /* as many as the agent takes */
/* Words that options_for_agent() may give. */
#define OPTION_WORDS_MAX (2 * (OPTION_LIST_MAX + 32))

/* What an option that may be repeated has collected. */
struct option_list {
    char *items[OPTION_LIST_MAX];
    unsigned n;
};

struct options {
    const char *mountpoint; /* absolute, no links in it */
    const char *task;       /* the same */
    const char *sockets;    /* a router's directory to join; NULL: an agent of our own */
    const char *agent;      /* the agent's program; NULL: found beside this one */
    char *mount_options;    /* what -o has for the mount itself, or NULL */
    uint64_t max_runs;
    uint64_t recording_memory; /* MiB */
    bool foreground;
    struct studentrun_options engine; /* but for its directory */
    bool strict;                      /* the agent's */
    /* Handed on to the agent as they are; NULL: its own defaults. */
    const char *time_limit, *hard_time_limit, *memory_limit;
    const char *max_time_limit, *max_hard_time_limit, *max_memory_limit;
    const char *process_limit, *disk_limit, *pool, *pool_max, *tmp_size;
    struct option_list environments; /* NAME=ROOTFS, with an absolute path */
    const char *ssh_address, *ssh_ports, *ssh_wait, *ssh_login_timeout;
    const char *log_level; /* ours as well */
};

/*
 * Parses and checks; -o is taken apart within argv. Returns 0; one of the others where there is
 * nothing more to do (--help, --version, --doctor); or a negative errno after the mistake was told
 * on stderr.
 */
enum { OPTIONS_ANSWERED = OPTION_ANSWERED, OPTIONS_ANSWERED_BADLY };
int options_parse(int argc, char **argv, struct options *ret_options);
void options_deinit(struct options *options);

/*
 * The options that the agent shares: writes `--name`, `value` pairs into arguments, at
 * most max of them; returns how many.
 */
unsigned options_for_agent(const struct options *options, const char **arguments, unsigned max);
