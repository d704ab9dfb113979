/* Where control groups are mounted, and where in them an agent may make its own. */
#pragma once

#include "cgroup.h"

/*
 * The directory below which groups with that controller can be made: ret_path is the
 * caller's to free(). In v2 the agent may have moved for it, see cgroup_home.h.
 *
 * -ENODEV: it is not mounted; -ENOENT: there is no such controller; else why there is none.
 * ret_lack gets that as a text.
 */
int cgroup_find(enum cgroup_layout layout, enum controller controller, char **ret_path,
                struct cgroup_lack *ret_lack);

/* In v2: whether groups made in that directory have the controller, after asking for it. 0 or a
 * negative errno: -EBUSY where processes are in it, -ENOENT where it does not have it itself. */
int cgroup_hand_down(const char *directory, enum controller controller);
