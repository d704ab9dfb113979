/* The agent's command line. */
#pragma once

#include "environment.h"
#include "run_limits.h"
#include "ssh.h"

#include <stdbool.h>

struct options {
    const char *sockets; /* directory */
    const char *task;    /* directory whose student/ the runs see */
    const char *init;    /* student-init; NULL: found beside the agent */
    uint64_t ready_fd;   /* OPTION_NO_FD: none */
    uint64_t pool, pool_max, tmp_size, handover;
    bool die_with_parent;
    const char *log_level; /* NULL: the usual one */
    bool as_journal;
    bool doctor; /* examine the machine, and serve nobody */
    bool strict; /* a run whose limits are not all enforced is refused */
    struct limit_options limits;
    struct environments environments;
    struct ssh_options ssh;
};

#define OPTION_NO_FD UINT64_MAX

/* 1: it has answered (--help), end well; -EINVAL: it has said what is wrong. Texts point into argv;
 * ret_options is written in any case.
 */
int options_parse(int argc, char **argv, struct options *ret_options);
