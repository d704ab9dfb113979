/*
 * The embedded agent as a child process: found, started, waited for, ended.
 *
 * It dies with the *thread* that started it (prctl(2), PR_SET_PDEATHSIG), which therefore
 * has to stay for as long as it is needed. It is in a session of its own: what a terminal
 * sends to its user's job is none of its business.
 */
#pragma once

#include <limits.h>
#include <stddef.h>
#include <sys/types.h>

struct agent_child_plan {
    const char *program; /* NULL: found beside this program or library, or where it was installed */
    const char *sockets, *task;
    const char *const *arguments; /* further ones, NULL-terminated; NULL: none */
    int log;                      /* its standard error, borrowed */
};

struct agent_child {
    pid_t pid;
    int pidfd; /* readable at its end; -1: it does not run */
};

/* Which program that is: program, or the one that is found. A negative errno where none is. */
int agent_child_find(const char *program, char ret_path[PATH_MAX]);
/* Starts it. *ret_ready becomes readable when it is ready, or at its end. -ENOENT: no program. */
int agent_child_start(const struct agent_child_plan *plan, struct agent_child *ret_child,
                      int *ret_ready);
/* Waits. -ETIMEDOUT; -ECHILD: it has ended, and is reaped. */
int agent_child_wait_ready(struct agent_child *child, int ready);
/* Waits for its end; a line that says how it ended. */
void agent_child_reap(struct agent_child *child, char *ret_text, size_t size);
/* Ends it and waits for that. Harmless where it does not run. */
void agent_child_end(struct agent_child *child);
