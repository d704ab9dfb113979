/* The mount itself: FUSE's session on the event loop. */
#pragma once

#include "parked.h"

#include "base/loop.h"

struct mount {
    struct loop *loop;
    struct fuse_session *session; /* NULL: not mounted */
    struct watch watch;
    struct fuse_buf buffer;
    uint64_t last_ns; /* of the last mount_expect_more() */
    bool may_spin;    /* another CPU is there for those who ask */
};

/*
 * The mount point as an absolute path, which may be a stale mount: one whose daemon was
 * killed is unmounted. The caller's to free(). -ENOENT, -ENOTDIR, -EBUSY (something is
 * mounted and lives), told on stderr.
 */
int mount_point_prepare(const char *path, char **ret_path);
/*
 * Both absolute. -EINVAL, told on stderr: the mount would hide the task from itself, or be
 * seen by the students.
 */
int mount_point_check_task(const char *path, const char *task);

/*
 * Mounts the operations there with userdata. options: further mount options, or NULL.
 * libfuse tells on stderr what is wrong; -EINVAL: with the options; -EPERM: with the rest.
 * The loop is stopped when the file system is unmounted.
 */
int mount_init(struct mount *mount, struct loop *loop, const char *path, const char *options,
               const struct fuse_lowlevel_ops *operations, void *userdata);
/* Answers all that wait, unmounts, lazily where it is in use. Harmless on a zeroed one. */
void mount_deinit(struct mount *mount);

/*
 * A part of a stream was read or written: who has just had an answer often asks again at once,
 * reads on or writes a line and reads the next. To be woken for that takes three times as long as
 * to answer.
 */
void mount_expect_more(struct mount *mount);
