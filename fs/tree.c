/*
 * The tree that the mount shows.
 *
 * Everything here answers at once but read and write, which may be parked (parked.h), and
 * nothing here knows a single file: what a file does is in its row (files.h). The kernel
 * checks access (default_permissions); root, whom it lets through everywhere, is told
 * here what a file is not good for.
 */
#include "tree.h"

#include "inode.h"
#include "studentfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

/* Names never change but through the kernel. */
#define ENTRY_TIMEOUT 3600.0

static struct studentfs *fs_of(fuse_req_t request)
{
    return fuse_req_userdata(request);
}

static struct handle *handle_of(const struct fuse_file_info *fi)
{
    return (struct handle *)(uintptr_t)fi->fh;
}

static void init(void *userdata, struct fuse_conn_info *connection)
{
    (void)userdata;
    connection->max_write = 1 << 20;
    /* Writes come in memory: most are a few bytes, and a pipe for each is dearer. */
    connection->want &= ~(unsigned)FUSE_CAP_SPLICE_READ;
}

/* --- names and attributes --- */

static struct fuse_entry_param entry_of(const struct studentfs *fs, const struct inode *inode)
{
    struct fuse_entry_param entry = {.ino = inode_number(inode),
                                     .attr_timeout = inode_stat_timeout(inode),
                                     .entry_timeout = ENTRY_TIMEOUT};
    inode_stat(fs, inode, &entry.attr);
    return entry;
}

static void lookup(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    const struct studentfs *fs = fs_of(request);
    struct inode directory = inode_find(fs, parent);
    struct inode inode = inode_lookup(fs, &directory, name);
    if (inode.kind == INODE_NONE) {
        fuse_reply_err(request, ENOENT);
        return;
    }
    struct fuse_entry_param entry = entry_of(fs, &inode);
    fuse_reply_entry(request, &entry);
}

static void reply_attr(fuse_req_t request, const struct inode *inode)
{
    struct stat st;
    inode_stat(fs_of(request), inode, &st);
    fuse_reply_attr(request, &st, inode_stat_timeout(inode));
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

/*
 * The files' modes and owner follow from their directory's, and the kernel does not know.
 * Before the answer, so that nobody sees the old ones after it; no pages are asked to go,
 * which could wait for a read of ours.
 */
static void forget_files_attributes(const struct studentfs *fs, const struct inode *directory)
{
    struct inode file = {.kind = INODE_RUN_FILE, .run = directory->run};
    for (file.index = 0; file.index < run_files_count; file.index++)
        fuse_lowlevel_notify_inval_inode(fs->mount.session, inode_number(&file), -1, 0);
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
    if (inode.kind == INODE_RUN)
        forget_files_attributes(fs_of(request), &inode);
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
    struct fuse_entry_param entry = entry_of(fs, &inode);
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

static void refuse_create(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode,
                          struct fuse_file_info *fi)
{
    (void)parent, (void)name, (void)mode, (void)fi;
    fuse_reply_err(request, EPERM);
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

/* --- directories --- */

struct listing {
    fuse_req_t request;
    bool plus;
    char *buffer;
    size_t size, used;
};

/* False: it does not fit any more. */
static bool list_entry(struct listing *listing, const struct fuse_entry_param *entry,
                       const char *name, uint64_t cookie)
{
    char *at = listing->buffer + listing->used;
    size_t left = listing->size - listing->used;
    size_t n =
        listing->plus
            ? fuse_add_direntry_plus(listing->request, at, left, name, entry, (off_t)cookie)
            : fuse_add_direntry(listing->request, at, left, name, &entry->attr, (off_t)cookie);
    if (n > left)
        return false;
    listing->used += n;
    return true;
}

static void list_entries(struct listing *listing, const struct inode *directory, uint64_t cookie)
{
    const struct studentfs *fs = fs_of(listing->request);
    for (;;) {
        const char *name;
        struct inode inode = inode_next(fs, directory, cookie, &name, &cookie);
        if (inode.kind == INODE_NONE)
            return;
        struct fuse_entry_param entry = entry_of(fs, &inode);
        if (!list_entry(listing, &entry, name, cookie))
            return;
    }
}

static void list_directory(fuse_req_t request, fuse_ino_t number, size_t size, off_t cookie,
                           bool plus)
{
    struct inode directory = inode_find(fs_of(request), number);
    struct listing listing = {.request = request, .plus = plus, .size = size};
    if (directory.kind != INODE_NONE)
        listing.buffer = malloc(size);
    if (!listing.buffer) {
        fuse_reply_err(request, directory.kind == INODE_NONE ? ENOENT : ENOMEM);
        return;
    }
    list_entries(&listing, &directory, (uint64_t)cookie);
    fuse_reply_buf(request, listing.buffer, listing.used);
    free(listing.buffer);
}

static void readdir_plain(fuse_req_t request, fuse_ino_t number, size_t size, off_t cookie,
                          struct fuse_file_info *fi)
{
    (void)fi;
    list_directory(request, number, size, cookie, false);
}

static void readdir_plus(fuse_req_t request, fuse_ino_t number, size_t size, off_t cookie,
                         struct fuse_file_info *fi)
{
    (void)fi;
    list_directory(request, number, size, cookie, true);
}

/* --- files --- */

static bool is_wanted(const struct fuse_file_info *fi, int mode)
{
    int access = fi->flags & O_ACCMODE;
    return access == mode || access == O_RDWR;
}

/* Root gets past the modes, but not to what a file cannot do. */
static int check_open(const struct inode *inode, const struct fuse_file_info *fi)
{
    if (inode->kind == INODE_NONE)
        return -ENOENT;
    bool may_read = inode->type->mode & 0444, may_write = inode->type->mode & 0222;
    if ((is_wanted(fi, O_RDONLY) && !may_read) || (is_wanted(fi, O_WRONLY) && !may_write))
        return -EACCES;
    return 0;
}

static void open_file(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *fi)
{
    struct inode inode = inode_find(fs_of(request), number);
    int r = check_open(&inode, fi);
    if (r < 0) {
        fuse_reply_err(request, -r);
        return;
    }
    bool writer = inode.type->is_input && is_wanted(fi, O_WRONLY);
    struct handle *handle = handle_new(inode.type, inode.run, writer);
    if (!handle) {
        fuse_reply_err(request, ENOMEM);
        return;
    }
    if (writer)
        input_add_writer(&inode.run->input);
    /* What is final may be kept in the page cache, and be mapped; see inode_stat(). */
    bool final = inode.type->is_stream && inode.run->state == RUN_ENDED;
    fi->direct_io = !final;
    fi->keep_cache = final;
    fi->fh = (uint64_t)(uintptr_t)handle;
    if (fuse_reply_open(request, fi) == -ENOENT) {
        /* The open was interrupted: no release follows. */
        if (writer)
            input_remove_writer(&inode.run->input);
        handle_free(handle);
    }
}

static void release(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *fi)
{
    struct handle *handle = handle_of(fi);
    (void)number;
    fuse_reply_err(request, 0);
    if (handle->run)
        file_close(handle);
    if (handle->writer)
        input_remove_writer(&handle->run->input);
    handle_free(handle);
}

static void read_file(fuse_req_t request, fuse_ino_t number, size_t size, off_t offset,
                      struct fuse_file_info *fi)
{
    struct handle *handle = handle_of(fi);
    const struct file_type *type = handle->type;
    (void)number;
    parked_read(request, handle, type->read ? type->read : file_read_text, size, offset,
                type->waiting && !(fi->flags & O_NONBLOCK),
                type->waiting ? type->waiting(handle->run) : NULL);
}

static void write_file(fuse_req_t request, fuse_ino_t number, const char *data, size_t size,
                       off_t offset, struct fuse_file_info *fi)
{
    struct handle *handle = handle_of(fi);
    const struct file_type *type = handle->type;
    (void)number, (void)offset;
    if (type->write) {
        parked_write(request, handle, type->write, data, size, !(fi->flags & O_NONBLOCK),
                     type->waiting(handle->run));
        return;
    }
    struct value value = {data, size, fuse_req_ctx(request)->pid};
    int r = file_store_text(handle, &value);
    if (r < 0)
        fuse_reply_err(request, -r);
    else
        fuse_reply_write(request, size);
}

static void flush(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *fi)
{
    struct handle *handle = handle_of(fi);
    (void)number;
    fuse_reply_err(request, handle->run ? -file_flush(handle, fuse_req_ctx(request)->pid) : 0);
}

static void fsync_file(fuse_req_t request, fuse_ino_t number, int only_data,
                       struct fuse_file_info *fi)
{
    (void)number, (void)only_data, (void)fi;
    fuse_reply_err(request, 0);
}

static void poll_file(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *fi,
                      struct fuse_pollhandle *poll)
{
    (void)number;
    fuse_reply_poll(request, handle_poll(handle_of(fi), poll));
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
    .create = refuse_create,
    .mknod = refuse_mknod,
    .symlink = refuse_symlink,
    .link = refuse_link,
    .rename = refuse_rename,
    .readdir = readdir_plain,
    .readdirplus = readdir_plus,
    .open = open_file,
    .release = release,
    .read = read_file,
    .write = write_file,
    .flush = flush,
    .fsync = fsync_file,
    .poll = poll_file,
};
