/* What a run may use: what was asked for, the defaults, and the maxima. No I/O. */
#pragma once

#include "protocol/message.h"

#include <stdbool.h>
#include <stdint.h>

#define MEMORY_MIN_MIB 20 /* less does not start an interpreter; INGInious's own minimum */
#define TIME_MAX_S     UINT64_C(31536000) /* a year: its nanoseconds fit, whatever is asked */
#define MEMORY_MAX_MIB UINT64_C(16777216) /* 16 TiB, likewise in bytes */

/* The command line's; a maximum of 0 is none. */
struct limit_options {
    uint64_t time_limit;      /* CPU seconds */
    uint64_t hard_time_limit; /* wall-clock seconds; 0: HARD_TIME_FACTOR times the CPU limit */
    uint64_t memory_limit;    /* MiB */
    uint64_t process_limit;   /* processes and threads */
    uint64_t disk_limit;      /* MiB that the student's directory may grow by; 0: none */
    uint64_t max_time_limit, max_hard_time_limit, max_memory_limit;
};

struct limits {
    uint64_t cpu_ns, wall_ns, memory_bytes, processes, disk_bytes;
    bool wall_follows_cpu; /* nobody said how long: it is three times the CPU limit */
};

/* Zero and less ask for the default. */
void limits_resolve(const struct limit_options *options, const struct message_run_student *asked,
                    struct limits *ret_limits);
