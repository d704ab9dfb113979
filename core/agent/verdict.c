/* The verdict on a run. */
#include "verdict.h"

#include "base/loop.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

static enum kill_cause cause_of(const struct observed *seen)
{
    uint64_t cpu_usec_limit = seen->limits.cpu_ns / NS_PER_US;
    if (seen->cause != KILL_NONE)
        return seen->cause;
    if (seen->out_of_memory)
        return KILL_MEMORY;
    /* It ended by itself between two looks at the clock. */
    if ((uint64_t)seen->usage.cpu_usec > cpu_usec_limit)
        return KILL_CPU;
    if (seen->cpu_by_rlimit && seen->outcome.known && seen->outcome.signal == SIGXCPU)
        return KILL_CPU;
    return KILL_NONE;
}

static void struck(const struct observed *seen, enum kill_cause cause, struct verdict *verdict)
{
    const struct limits *limits = &seen->limits;
    verdict->retval = cause == KILL_MEMORY || cause == KILL_DISK ? RETVAL_MEMORY : RETVAL_TIME;
    switch (cause) {
    case KILL_CPU:
        verdict->termination = TERMINATION_CPU_TIME;
        snprintf(verdict->reason, REASON_MAX, "used more than %g s of CPU time",
                 (double)limits->cpu_ns / (double)NS_PER_S);
        break;
    case KILL_WALL:
        verdict->termination = TERMINATION_WALL_TIME;
        snprintf(verdict->reason, REASON_MAX, "ran longer than %g s%s",
                 (double)limits->wall_ns / (double)NS_PER_S,
                 limits->wall_follows_cpu ? ", three times its CPU limit" : "");
        break;
    case KILL_DISK:
        verdict->termination = TERMINATION_DISK;
        snprintf(verdict->reason, REASON_MAX,
                 "its files in the student's directory grew by more than %" PRIu64 " MiB",
                 limits->disk_bytes >> 20);
        break;
    case KILL_MEMORY:
    case KILL_NONE:
        verdict->termination = TERMINATION_MEMORY;
        snprintf(verdict->reason, REASON_MAX, "used more than %" PRIu64 " MiB of memory",
                 limits->memory_bytes >> 20);
        break;
    }
}

void verdict_reach(const struct observed *observed, struct verdict *ret_verdict)
{
    enum kill_cause cause = cause_of(observed);
    const struct outcome *outcome = &observed->outcome;
    *ret_verdict = (struct verdict){0};
    if (cause != KILL_NONE) {
        struck(observed, cause, ret_verdict);
    } else if (outcome->known) {
        ret_verdict->retval = outcome->retval;
        ret_verdict->signal = outcome->signal;
        ret_verdict->termination = outcome->termination;
        snprintf(ret_verdict->reason, REASON_MAX, "%s", outcome->reason);
    } else {
        ret_verdict->retval = RETVAL_FAILED;
        ret_verdict->termination = TERMINATION_FAILED;
        snprintf(ret_verdict->reason, REASON_MAX, "the sandbox ended unexpectedly%s%.400s",
                 *observed->last_words ? ": " : "", observed->last_words);
    }
}
