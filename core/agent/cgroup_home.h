/*
 * Where the agent itself is, in v2: a group that hands controllers down may hold no processes. So
 * that of a service or a container, or one that was delegated to a user, is not of use while the
 * agent is in it: it moves to a group below, `studentfs.home`, together with those that it
 * comes from and those that come from it. Where others are in the group nobody is moved.
 */
#pragma once

#include <stdbool.h>

#define CGROUP_HOME "studentfs.home"

/* Moves what is in the group to its home. -EBUSY: others are there. */
int cgroup_home_enter(const char *group);
/* Moves them back and removes it, if there is one and no agent needs the group any more. */
void cgroup_home_leave(const char *group);
/* Removes one that nobody is in. */
void cgroup_home_remove(const char *group);
/* Cuts a path that ends there to that of the group. */
void cgroup_home_strip(char *path);
