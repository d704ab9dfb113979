/*
 * What keeps this process from mounting, and what mends it: libfuse and the kernel say no more than
 * "Operation not permitted", which in a container has half a dozen causes.
 */
#pragma once

#include <stdbool.h>

struct obstacle_facts {
    int device; /* errno of opening /dev/fuse; 0: it can be */
    int call;   /* errno of mount(2); EINVAL: it may be called */
    bool has_capability, has_fusermount;
    bool has_name; /* in the password file: fusermount3 asks for it */
    /* Whether a setuid program such as fusermount3 gets the capability. */
    bool may_gain_privileges, may_gain_capability;
};

/* Mounts nothing. */
void obstacle_look(struct obstacle_facts *ret_facts);
/* One line; NULL: nothing that is known of. */
const char *obstacle_name(const struct obstacle_facts *facts);
