/* What a run may use. */
#include "run_limits.h"

#include "base/loop.h"

#define USEC_PER_S       (NS_PER_S / NS_PER_US)
#define HARD_TIME_FACTOR 3 /* INGInious's: three times the CPU limit */

static uint64_t choose(int64_t asked, uint64_t otherwise, uint64_t maximum, uint64_t bound)
{
    uint64_t value = asked > 0 ? (uint64_t)asked : otherwise;
    if (maximum && value > maximum)
        value = maximum;
    return value < bound ? value : bound;
}

/* The exact time where it was given, else the seconds. */
static int64_t usec_of(int64_t usec, int64_t seconds)
{
    if (usec > 0)
        return usec;
    if (seconds <= 0)
        return 0;
    return seconds < (int64_t)TIME_MAX_S ? seconds * (int64_t)USEC_PER_S : INT64_MAX;
}

void limits_resolve(const struct limit_options *options, const struct message_run_student *asked,
                    struct limits *ret_limits)
{
    uint64_t cpu =
        choose(usec_of(asked->time_limit_usec, asked->time_limit), options->time_limit * USEC_PER_S,
               options->max_time_limit * USEC_PER_S, TIME_MAX_S * USEC_PER_S);
    int64_t asked_wall = usec_of(asked->hard_time_limit_usec, asked->hard_time_limit);
    bool follows = asked_wall <= 0 && !options->hard_time_limit;
    uint64_t hard = follows ? HARD_TIME_FACTOR * cpu : options->hard_time_limit * USEC_PER_S;
    uint64_t wall = choose(asked_wall, hard, options->max_hard_time_limit * USEC_PER_S,
                           TIME_MAX_S * USEC_PER_S);
    uint64_t memory = choose(asked->memory_limit, options->memory_limit, options->max_memory_limit,
                             MEMORY_MAX_MIB);
    if (memory < MEMORY_MIN_MIB)
        memory = MEMORY_MIN_MIB;
    *ret_limits = (struct limits){.cpu_ns = cpu * NS_PER_US,
                                  .wall_ns = wall * NS_PER_US,
                                  .wall_follows_cpu = follows && wall == hard,
                                  .memory_bytes = memory << 20,
                                  .processes = options->process_limit,
                                  .disk_bytes = options->disk_limit << 20};
}
