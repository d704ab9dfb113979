/*
 * One run in the agent: from run_student to run_student_retval. What happens when is the
 * table of life.h, how it ends that of verdict.h; here it is done.
 */
#pragma once

#include "life.h"
#include "peers.h"
#include "pool.h"
#include "run_limits.h"
#include "verdict.h"

#include <stdbool.h>

/* What all runs share; borrowed. */
struct run_host {
    struct loop *loop;
    struct pool *pool;
    const struct limit_options *limits;
    const char *sockets_dir;
    int sockets_fd;
    unsigned n_cpus;
    unsigned long last_number;
    bool stopping;
};

/* Starts it; it answers the peer and frees itself. */
void run_start(struct run_host *host, struct peer *peer, const struct message_run_student *asked);
