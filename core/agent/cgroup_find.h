/* Where control groups are mounted, and where in them an agent may make its own. */
#pragma once

#include "cgroup.h"

/*
 * The directory below which groups with that controller can be made: ret_path is the
 * caller's to free(). -ENOENT: there is none.
 */
int cgroup_find(enum cgroup_layout layout, enum controller controller, char **ret_path);
