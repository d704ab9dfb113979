/*
 * One run in the agent: from run_student to run_student_retval. What happens when is the
 * table of life.h, how it ends that of verdict.h; here it is done.
 */
#pragma once

#include "disk.h"
#include "environment.h"
#include "life.h"
#include "peers.h"
#include "pool.h"
#include "router.h"
#include "run_limits.h"
#include "verdict.h"

#include <stdbool.h>

/* What all runs share; borrowed. */
struct run_host {
    struct loop *loop;
    struct pool *pool;
    struct disk *disk;
    struct ssh_host *ssh;
    const struct limit_options *limits;
    const struct environments *environments;
    const char *sockets_dir;
    int sockets_fd;
    unsigned n_cpus;
    unsigned long last_number;
    struct list runs;
    uint64_t handover_s; /* for a client to hand the command over */
    bool stopping;
    bool strict; /* no run without all limits */
};

/* Starts it; it answers the peer and frees itself. */
void run_start(struct run_host *host, struct peer *peer, const struct message_run_student *asked);

/* The messages of message mode, each answered; student_signal by the router. */
void run_take_command(struct peer *peer, const struct message_run_student_command *command);
void run_take_input(struct run_host *host, struct peers *peers, const struct received *received);
/* Answers where the session is reached, as far as the asker may know. */
void run_take_ssh(struct run_host *host, const struct message_ssh_student *asked,
                  struct message_ok *ret_ok);
void run_take_signal(struct run_host *host, const struct message_student_signal *signal);

/* What a client made in SOCKETS, which has gone: whatever else has its name stays. */
void run_remove_files(const struct run_host *host, const char *socket_id);

/* The agent stops: runs whose output is still being taken are answered now. */
void run_answer_ended(struct run_host *host);
