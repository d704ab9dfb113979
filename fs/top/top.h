/* studentfs-top(1): what is shown of which mount, in which order. */
#pragma once

#include "table.h"

struct top {
    const char *mountpoint;
    char *const *names; /* of the runs to show */
    size_t n_names;     /* 0: all */
    enum column column;
    bool reversed;
    unsigned delay_ms;
};

/* Reads the mount's `runs`, in order. A negative errno where that cannot be. */
int top_read(const struct top *top, struct table *ret_table);
