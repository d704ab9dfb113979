/*
 * The process of a command: from init's fork to its exec, a straight list of steps, after
 * which nothing of init's is left in it: no descriptor, no capability, no signal's disposition.
 */
#pragma once

#include "base/student.h"
#include "ending.h"
#include "protocol/handover.h"
#include "protocol/message.h"

#include <sys/types.h>

struct plan {
    char *const *words;
    const char *working_dir;
    const int *fds; /* HANDOVER_FDS, borrowed */
    const struct message_init_assign *limits;
    const char *terminal; /* what the descriptors are, TERM's value; NULL: no terminal */
    bool opens_scripts;   /* see scripts.h; as the student, who may own them */
};

struct child {
    pid_t pid;
    int report; /* its end tells that the program was executed */
};

/* What a command is to find, for init to do ahead: the standard disposition of every signal. */
void child_reset_signals(void);
/* And for init and the command: no execution gives any capability. */
int child_drop_bounds(void);

/* Forks; borrows the plan. */
int child_start(const struct plan *plan, struct child *ret_child);

/*
 * Waits for the program's execution, at most until the deadline (monotonic_ns()): 0; or a
 * negative errno, with the ending that it means.
 */
int child_wait_executed(struct child *child, const struct plan *plan, uint64_t deadline,
                        struct ending *ret_ending);
