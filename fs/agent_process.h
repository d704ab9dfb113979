/*
 * The embedded agent: a child of the daemon.
 *
 * Either dies with the other: the agent asks for a signal when its parent goes, and the
 * daemon watches a pidfd. When it dies its runs have ended, the mount lives on, and a new
 * one is started for later runs, a few times a minute at most.
 */
#pragma once

#include "base/loop.h"
#include "embedded/agent_child.h"
#include "options.h"

struct agent_process;
/* It died; what is known of why. */
typedef void agent_process_fn(struct agent_process *agent, const char *reason);

struct agent_process {
    struct loop *loop;
    const struct options *options;
    const char *sockets;
    agent_process_fn *died;
    struct agent_child child;
    struct watch watch;
    int log; /* what it says on its standard error goes on to ours; -1: none */
    struct watch log_watch;
    char log_text[4096]; /* of a line whose end has not come */
    size_t log_size;
    struct timer again;
    uint64_t starts[4]; /* when it was last started, as a ring */
    unsigned n_starts;
};

/*
 * Starts it and waits until it is ready. Its own message on stderr tells what was wrong
 * where it is not: -ECHILD; -ENOENT: no such program; -ETIMEDOUT.
 */
int agent_process_init(struct agent_process *agent, struct loop *loop,
                       const struct options *options, const char *sockets, agent_process_fn *died);
/* Ends it and waits for that. Harmless on a zeroed one. */
void agent_process_deinit(struct agent_process *agent);
