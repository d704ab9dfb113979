/*
 * The daemon's private directory: a lock, and the sockets of its runs.
 *
 * Its name follows from the mount point, so that the next daemon there finds and clears
 * what one that was killed left. The lock tells the two apart.
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
/* Removes it with all that is in it. */
void runtime_dir_deinit(struct runtime_dir *dir);
