/*
 * The tree that the mount shows: names, attributes, making and removing.
 *
 * Nothing here waits, and nothing here knows a single file: what a file does is in its row
 * (files.h), how one is read and written is in open_file.c. The kernel checks access
 * (default_permissions).
 */
#include "tree.h"

#include "inode.h"
#include "listing.h"
#include "open_file.h"
#include "studentfs.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

static struct studentfs *fs_of(fuse_req_t request)
{
    return fuse_req_userdata(request);
}

static void init(void *userdata, struct fuse_conn_info *connection)
{
    (void)userdata;
    connection->max_write = 1 << 20;
    /* Writes come in memory: most are a few bytes, and a pipe for each is dearer. */
    connection->want &= ~(unsigned)FUSE_CAP_SPLICE_READ;
}

/* --- names and attributes --- */

static void lookup(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    const struct studentfs *fs = fs_of(request);
    struct inode directory = inode_find(fs, parent);
    struct inode inode = inode_lookup(fs, &directory, name);
    if (inode.kind == INODE_NONE) {
        fuse_reply_err(request, ENOENT);
        return;
    }
    struct fuse_entry_param entry = inode_entry(fs, &inode);
    fuse_reply_entry(request, &entry);
}

static void reply_attr(fuse_req_t request, const struct inode *inode)
{
    struct stat st;
    inode_stat(fs_of(request), inode, &st);
    fuse_reply_attr(request, &st, inode_keep(inode, true));
}

static void getattr(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *fi)
{
    (void)fi;
    struct inode inode = inode_find(fs_of(request), number);
    if (inode.kind == INODE_NONE)
        fuse_reply_err(request, ENOENT);
    else
        reply_attr(request, &inode);
}

/* Times and sizes are accepted and mean nothing: touch, truncate and O_TRUNC ask for them. */
static int change(const struct studentfs *fs, const struct inode *inode, const struct stat *now,
                  const struct stat *asked, int what)
{
    bool mode = what & FUSE_SET_ATTR_MODE && (asked->st_mode & 07777) != (now->st_mode & 07777);
    bool uid = what & FUSE_SET_ATTR_UID && asked->st_uid != now->st_uid;
    bool gid = what & FUSE_SET_ATTR_GID && asked->st_gid != now->st_gid;
    if (!mode && !uid && !gid)
        return 0;
    if (inode->kind != INODE_RUN || inode->run == fs->runs.defaults)
        return -EPERM; /* a file's follow from its directory's */
    if (mode)
        inode->run->mode = asked->st_mode & 07777;
    if (uid)
        inode->run->uid = asked->st_uid;
    if (gid)
        inode->run->gid = asked->st_gid;
    return 0;
}

/* No pages are asked to go, which could wait for a read of ours. */
void tree_forget_attributes(void *userdata, const struct run *run)
{
    const struct studentfs *fs = userdata;
    for (uint64_t left = fs->mount.session ? run->kept : 0; left; left &= left - 1) {
        fuse_ino_t number = inode_kept(run, (unsigned)__builtin_ctzll(left));
        fuse_lowlevel_notify_inval_inode(fs->mount.session, number, -1, 0);
    }
}

static void setattr(fuse_req_t request, fuse_ino_t number, struct stat *asked, int what,
                    struct fuse_file_info *fi)
{
    (void)fi;
    struct stat now;
    struct inode inode = inode_find(fs_of(request), number);
    if (inode.kind == INODE_NONE) {
        fuse_reply_err(request, ENOENT);
        return;
    }
    inode_stat(fs_of(request), &inode, &now);
    int r = change(fs_of(request), &inode, &now, asked, what);
    if (r < 0) {
        fuse_reply_err(request, -r);
        return;
    }
    /* The files' modes and owner follow from their directory's, and the kernel does not know.
     * Before the answer, so that nobody sees the old ones after it. */
    if (inode.kind == INODE_RUN)
        tree_forget_attributes(fs_of(request), inode.run);
    reply_attr(request, &inode);
}

static void readlink_task(fuse_req_t request, fuse_ino_t number)
{
    const struct studentfs *fs = fs_of(request);
    if (inode_find(fs, number).kind == INODE_TASK)
        fuse_reply_readlink(request, fs->options->task);
    else
        fuse_reply_err(request, EINVAL);
}

/* --- making and removing --- */

static void make_run(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode)
{
    struct studentfs *fs = fs_of(request);
    const struct fuse_ctx *who = fuse_req_ctx(request);
    struct run *run;
    int r = parent != FUSE_ROOT_ID    ? -EPERM
            : inode_is_reserved(name) ? -EEXIST
            : strlen(name) > NAME_MAX ? -ENAMETOOLONG
                                      : 0;
    if (r == 0)
        r = runs_add(&fs->runs, name, who->uid, who->gid, mode, &run);
    if (r < 0) {
        fuse_reply_err(request, -r);
        return;
    }
    struct inode inode = {.kind = INODE_RUN, .run = run};
    struct fuse_entry_param entry = inode_entry(fs, &inode);
    fuse_reply_entry(request, &entry);
}

/* Removing a run's files first, as rm -r does, says that a run going on is to be killed. */
static int remove_run(struct studentfs *fs, fuse_ino_t parent, const char *name)
{
    struct inode directory = inode_find(fs, parent);
    struct inode inode = inode_lookup(fs, &directory, name);
    if (inode.kind == INODE_NONE)
        return -ENOENT;
    if (inode.kind != INODE_RUN)
        return -ENOTDIR;
    if (inode.run == fs->runs.defaults)
        return -EPERM;
    unsigned all = (unsigned)((UINT64_C(1) << run_files_count) - 1);
    if (run_is_going_on(inode.run) && inode.run->unlinked != all)
        return -EBUSY;
    runs_remove(&fs->runs, inode.run);
    return 0;
}

static void rmdir_run(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    fuse_reply_err(request, -remove_run(fs_of(request), parent, name));
}

static void unlink_file(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    const struct studentfs *fs = fs_of(request);
    struct inode directory = inode_find(fs, parent);
    struct inode inode = inode_lookup(fs, &directory, name);
    bool stays = inode.kind != INODE_RUN_FILE || inode.run == fs->runs.defaults;
    int error = inode.kind == INODE_NONE ? ENOENT : stays ? EPERM : 0;
    if (error == 0)
        inode.run->unlinked |= 1u << inode.index;
    fuse_reply_err(request, error);
}

static void refuse_mknod(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode,
                         dev_t device)
{
    (void)parent, (void)name, (void)mode, (void)device;
    fuse_reply_err(request, EPERM);
}

static void refuse_symlink(fuse_req_t request, const char *target, fuse_ino_t parent,
                           const char *name)
{
    (void)target, (void)parent, (void)name;
    fuse_reply_err(request, EPERM);
}

static void refuse_link(fuse_req_t request, fuse_ino_t number, fuse_ino_t parent, const char *name)
{
    (void)number, (void)parent, (void)name;
    fuse_reply_err(request, EPERM);
}

static void refuse_rename(fuse_req_t request, fuse_ino_t parent, const char *name,
                          fuse_ino_t new_parent, const char *new_name, unsigned flags)
{
    (void)parent, (void)name, (void)new_parent, (void)new_name, (void)flags;
    fuse_reply_err(request, EPERM);
}

const struct fuse_lowlevel_ops tree_operations = {
    .init = init,
    .lookup = lookup,
    .getattr = getattr,
    .setattr = setattr,
    .readlink = readlink_task,
    .mkdir = make_run,
    .rmdir = rmdir_run,
    .unlink = unlink_file,
    .create = open_file_create,
    .mknod = refuse_mknod,
    .symlink = refuse_symlink,
    .link = refuse_link,
    .rename = refuse_rename,
    .readdir = listing_readdir,
    .readdirplus = listing_readdirplus,
    .open = open_file_open,
    .release = open_file_release,
    .read = open_file_read,
    .write = open_file_write,
    .flush = open_file_flush,
    .fsync = open_file_fsync,
    .poll = open_file_poll,
};
