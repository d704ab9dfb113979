/*
 * Control groups: what bounds and counts a run's memory, processes and CPU time.
 *
 * One tree per agent, `studentfs-PID-STARTTIME`, below the agent's own group in each
 * hierarchy that is used, and a group per sandbox in it. Each controller is taken from
 * v2 where it is there, else from v1; where it is neither, or may not be written, it is
 * missing and cgroup_tree_has() says so. Plain file writes: see docs/decisions.md.
 */
#pragma once

#include "run_limits.h"

#include <stdbool.h>
#include <stdint.h>

enum controller { CONTROLLER_MEMORY, CONTROLLER_PIDS, CONTROLLER_CPU, CONTROLLER_COUNT };

/* The name of an agent's tree: this, its process id and its start time. */
#define CGROUP_TREE_PREFIX "studentfs-"

/* One for each controller in v1, and v2's. */
#define HIERARCHIES_MAX (CONTROLLER_COUNT + 1)

enum cgroup_layout { CGROUP_V1, CGROUP_V2, CGROUP_LAYOUTS };

#define CGROUP_WHY_MAX 256 /* bytes: a path and some words */

/* Why a controller is missing, for people, and the command that would mend it. */
struct cgroup_lack {
    char why[CGROUP_WHY_MAX], mend[2 * CGROUP_WHY_MAX];
};

struct hierarchy {
    enum cgroup_layout layout;
    char *path;   /* of the agent's tree */
    char *parent; /* the directory that it is in */
    int fd;       /* of the tree's directory */
};

struct cgroup_tree {
    struct hierarchy hierarchies[HIERARCHIES_MAX];
    unsigned n_hierarchies;
    int of[CONTROLLER_COUNT]; /* index of its hierarchy, or -1 */
    struct cgroup_lack lacks[CONTROLLER_COUNT];
    unsigned last_name;
};

/* A sandbox's group. Zeroed: none. */
struct cgroup {
    const struct cgroup_tree *tree;
    char name[12];
    uint64_t memory_bytes, processes; /* its limits; 0: none yet */
};

/* Also removes what agents that were killed have left. Missing controllers are no error. */
int cgroup_tree_init(struct cgroup_tree *tree);
void cgroup_tree_deinit(struct cgroup_tree *tree);
bool cgroup_tree_has(const struct cgroup_tree *tree, enum controller controller);

int cgroup_new(struct cgroup *cgroup, struct cgroup_tree *tree);
/*
 * Kills whatever is in it: a sandbox's maker that was killed at the wrong moment leaves a
 * child that waits for it for ever. Of a sandbox that is over.
 */
void cgroup_kill(const struct cgroup *cgroup);
/* Only by the kernel's own cgroup.kill, at one stroke. False: there is none. */
bool cgroup_kill_at_once(const struct cgroup *cgroup);
/*
 * Removes what is there; -EBUSY while something is still in it (mounts that go take up to
 * a third of a second): try again. 0 on a zeroed one.
 */
int cgroup_remove(struct cgroup *cgroup);

/*
 * Opens what a process of one thread writes "0" into to enter: ret_fds[0..n), and v2's directory,
 * in which it can be born: ret_birthplace, -1 where there is none. All are the caller's. Returns n.
 */
int cgroup_open_entries(const struct cgroup *cgroup, int ret_fds[HIERARCHIES_MAX],
                        int *ret_birthplace);
/* Whether any process is in it; zombies are not. */
bool cgroup_is_populated(const struct cgroup *cgroup);

/* The same as cgroup_kill() for the group of that name in the directory. */
void cgroup_kill_in(int directory, const char *name);

/*
 * Before its command starts, and free where they are so already: so that those of most runs can be
 * set ahead. What was used before the first time is not the command's.
 */
int cgroup_set_limits(struct cgroup *cgroup, const struct limits *limits);
/* An eventfd that tells that memory ran out; -ENOTSUP where the kernel kills the whole group by
 * itself (v2), or nothing bounds memory. */
int cgroup_open_memory_event(const struct cgroup *cgroup);

/* 0 where nothing counts it. */
uint64_t cgroup_cpu_ns(const struct cgroup *cgroup);
uint64_t cgroup_system_cpu_ns(const struct cgroup *cgroup); /* of that, in the kernel */
uint64_t cgroup_memory_peak(const struct cgroup *cgroup);   /* bytes */
uint64_t cgroup_memory_kills(const struct cgroup *cgroup);
