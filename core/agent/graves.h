/*
 * Control groups of sandboxes that have ended. The kernel lets them be removed only when its
 * own clean-up of mounts is through (up to a third of a second): they are tried again.
 */
#pragma once

#include "base/list.h"
#include "base/loop.h"
#include "cgroup.h"

struct graves {
    struct list list;
    struct timer timer;
    uint64_t wait_ns;
};

int graves_init(struct graves *graves, struct loop *loop);
/* Takes the group, and removes it now or later. */
void graves_bury(struct graves *graves, struct cgroup *cgroup);
bool graves_are_empty(const struct graves *graves);
void graves_deinit(struct graves *graves);
