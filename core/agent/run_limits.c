/* What a run may use. */
#include "run_limits.h"

#include "base/loop.h"

#define HARD_TIME_FACTOR 3 /* INGInious's: three times the CPU limit */

static uint64_t choose(int64_t asked, uint64_t otherwise, uint64_t maximum, uint64_t bound)
{
    uint64_t value = asked > 0 ? (uint64_t)asked : otherwise;
    if (maximum && value > maximum)
        value = maximum;
    return value < bound ? value : bound;
}

void limits_resolve(const struct limit_options *options, const struct message_run_student *asked,
                    struct limits *ret_limits)
{
    uint64_t cpu =
        choose(asked->time_limit, options->time_limit, options->max_time_limit, TIME_MAX_S);
    uint64_t hard = options->hard_time_limit ? options->hard_time_limit : HARD_TIME_FACTOR * cpu;
    uint64_t wall = choose(asked->hard_time_limit, hard, options->max_hard_time_limit, TIME_MAX_S);
    uint64_t memory = choose(asked->memory_limit, options->memory_limit, options->max_memory_limit,
                             MEMORY_MAX_MIB);
    if (memory < MEMORY_MIN_MIB)
        memory = MEMORY_MIN_MIB;
    *ret_limits = (struct limits){.cpu_ns = cpu * NS_PER_S,
                                  .wall_ns = wall * NS_PER_S,
                                  .memory_bytes = memory << 20,
                                  .processes = options->process_limit};
}
