/*
 * The machine's programs, put together once as a root file system for the sandboxes of the usual
 * kind, in the spawner's mount namespace.
 *
 * bwrap reads the table of all mounts for each bind that it makes: put together by bwrap itself,
 * this root takes two dozen of them and half of all that a sandbox costs (5.9 ms of CPU time with
 * it, 3.4 without). So bwrap is given it whole, in one bind. Everything in it is read-only and
 * nobody's but root's; what a sandbox has of its own is mounted upon it: /proc, /dev/pts, /dev/shm,
 * /tmp, /task/student.
 *
 * Only root can make it, and not on every kernel or in every container. Where it is not there, and
 * for the other kinds, bwrap makes the same root bind by bind.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* A place that is there everywhere, and that bwrap has no use for. */
#define MACHINE_ROOT "/sys"

/* What of the machine a sandbox shows besides /usr, here and where bwrap makes the root. Each ends
 * with NULL. At the top: links into /usr, or directories where it is not merged. */
extern const char *const machine_top[];
/* What programs need to be found and to start, as patterns; nothing about people. */
extern const char *const machine_etc[];

struct machine_root {
    const char *init; /* student-init's path; NULL: no root is to be made */
    bool is_there;
    int mounts;     /* the table of mounts, which tells of changes; -1: not open */
    uint64_t stamp; /* of what it was put together from */
};

/*
 * Makes it in the calling process's own mount namespace, or anew where the machine has changed:
 * what is mounted, or what there is at its top and in /etc. Sandboxes that are there keep theirs.
 */
int machine_root_update(struct machine_root *root);
/* For the process that becomes bwrap: a mount namespace of its own, with terminals in the root. */
int machine_root_enter(void);
