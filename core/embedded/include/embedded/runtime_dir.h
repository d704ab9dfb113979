/*
 * A private directory: a lock, and the sockets of an agent and its clients.
 *
 * Its name follows from a mount point, so that the next daemon there finds and clears what
 * one that was killed left; or from nothing, and whoever makes another one clears those that are
 * left. The lock tells what is in use.
 */
#pragma once

struct runtime_dir {
    char *path, *sockets; /* path/s */
    int lock;
};

/*
 * Makes it, empty, for the absolute mount point, in $XDG_RUNTIME_DIR, else /run for root,
 * else /tmp. -EBUSY: another daemon serves this mount point.
 */
int runtime_dir_init(struct runtime_dir *dir, const char *mountpoint);
/* Makes one that nobody else has. */
int runtime_dir_init_once(struct runtime_dir *dir);
/* Removes it with all that is in it. */
void runtime_dir_deinit(struct runtime_dir *dir);
