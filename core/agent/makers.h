/*
 * The sandboxes' makers that the spawner has started, and their orphans: what bwrap started, and
 * what waits for ever where bwrap is killed, or fails, before it has told it to go on or to die
 * with it. As children of the spawner's they are known by not being makers, and are killed.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

struct makers {
    pid_t *pids;
    size_t n, room;
};

/* Orphans become this process's from now on. */
void makers_adopt_orphans(void);
/* Before one is started: room for it. -ENOMEM. */
int makers_reserve(struct makers *makers);
void makers_add(struct makers *makers, pid_t pid);
/* Takes note of those that have ended, and kills the orphans of those that did not end well. */
void makers_reap(struct makers *makers);
/* Kills all children of this process, their orphans as well, and waits for their end: two seconds
 * at most. */
void makers_kill_all(void);
