/*
 * The verdict on a run: its return value and why. No I/O.
 *
 * The agent's own observations (a limit that it struck, the kernel's count of processes
 * killed for memory) come before what init reports of the command, which comes before
 * guesses: so that no exit code of a student's imitates a verdict.
 */
#pragma once

#include "protocol/message.h"
#include "run_limits.h"

#include <stdbool.h>

#define REASON_MAX 512 /* one line: a command's path and an error, or bwrap's last words */

/* How the agent itself ended a run. */
enum kill_cause { KILL_NONE, KILL_CPU, KILL_WALL, KILL_MEMORY, KILL_DISK };

/* What init said of the command. */
struct outcome {
    bool known;
    int64_t retval, signal;
    enum termination termination;
    char reason[REASON_MAX];
};

struct observed {
    enum kill_cause cause;
    bool out_of_memory; /* the kernel killed something of the run for memory */
    bool cpu_by_rlimit; /* no cgroup counts the CPU time: SIGXCPU is the limit */
    struct limits limits;
    struct usage usage;
    const char *last_words; /* what the sandbox's maker wrote to its log; may be empty */
    struct outcome outcome;
};

struct verdict {
    int64_t retval, signal;
    enum termination termination;
    char reason[REASON_MAX]; /* may be empty */
};

void verdict_reach(const struct observed *observed, struct verdict *ret_verdict);
