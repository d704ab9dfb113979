/*
 * The operations on files.
 *
 * Read and write may be parked (parked.h), all else answers at once. The kernel checks
 * access (default_permissions); root, whom it lets through everywhere, is told here what a
 * file is not good for.
 */
#include "open_file.h"

#include "inode.h"
#include "studentfs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

static struct handle *handle_of(const struct fuse_file_info *fi)
{
    return (struct handle *)(uintptr_t)fi->fh;
}

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

static int open_handle(fuse_req_t request, const struct inode *inode, struct fuse_file_info *fi)
{
    int r = check_open(inode, fi);
    if (r < 0)
        return r;
    bool writer = inode->type->is_input && is_wanted(fi, O_WRONLY);
    struct handle *handle = handle_new(inode->type, inode->run, writer);
    r = !handle ? -ENOMEM : inode->type->open ? inode->type->open(handle, request) : 0;
    if (r < 0) {
        if (handle)
            handle_free(handle);
        return r;
    }
    if (writer)
        input_add_writer(&inode->run->input);
    /* What is final may be kept in the page cache, and be mapped; see inode_stat(). */
    bool final = inode->type->is_stream && inode->run->recordings[inode->type->stream].ended;
    fi->direct_io = !final;
    fi->keep_cache = final;
    fi->noflush = !is_wanted(fi, O_WRONLY); /* a flush tells what is wrong with what was written */
    fi->fh = (uint64_t)(uintptr_t)handle;
    return 0;
}

/* The open was interrupted: no release follows. */
static void drop_handle(struct handle *handle)
{
    if (handle->writer)
        input_remove_writer(&handle->run->input);
    handle_free(handle);
}

void open_file_open(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *fi)
{
    struct inode inode = inode_find(fuse_req_userdata(request), number);
    int r = open_handle(request, &inode, fi);
    if (r < 0)
        fuse_reply_err(request, -r);
    else if (fuse_reply_open(request, fi) == -ENOENT)
        drop_handle(handle_of(fi));
}

/*
 * mv, install and editors remove a file that they replace: of a run that has not started, what
 * was removed can be made again. What cannot be written cannot: the kernel does not check the
 * mode of a file that is made, and ssh_login is nobody's but the owner's.
 */
static struct inode removed_file(const struct studentfs *fs, fuse_ino_t parent, const char *name)
{
    struct inode directory = inode_find(fs, parent);
    int index = directory.kind == INODE_RUN ? file_index(run_files, run_files_count, name) : -1;
    if (index < 0 || directory.run == fs->runs.defaults || directory.run->state != RUN_NEW ||
        !(run_files[index].mode & 0222) || !(directory.run->unlinked & 1u << index))
        return (struct inode){.kind = INODE_NONE};
    return (struct inode){.kind = INODE_RUN_FILE,
                          .run = directory.run,
                          .index = (unsigned)index,
                          .type = &run_files[index]};
}

void open_file_create(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode,
                      struct fuse_file_info *fi)
{
    const struct studentfs *fs = fuse_req_userdata(request);
    struct inode inode = removed_file(fs, parent, name);
    (void)mode;
    int r = inode.kind == INODE_NONE ? -EPERM : open_handle(request, &inode, fi);
    if (r < 0) {
        fuse_reply_err(request, -r);
        return;
    }
    inode.run->unlinked &= ~(1u << inode.index);
    struct fuse_entry_param entry = inode_entry(fs, &inode);
    if (fuse_reply_create(request, &entry, fi) == -ENOENT)
        drop_handle(handle_of(fi));
}

void open_file_release(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *fi)
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

static void expect_more(fuse_req_t request)
{
    struct studentfs *fs = fuse_req_userdata(request);
    mount_expect_more(&fs->mount);
}

void open_file_read(fuse_req_t request, fuse_ino_t number, size_t size, off_t offset,
                    struct fuse_file_info *fi)
{
    struct handle *handle = handle_of(fi);
    const struct file_type *type = handle->type;
    (void)number;
    if (type->is_stream)
        expect_more(request);
    parked_read(request, handle, type->read ? type->read : file_read_text, size, offset,
                type->waiting && !(fi->flags & O_NONBLOCK),
                type->waiting ? type->waiting(handle) : NULL);
}

void open_file_write(fuse_req_t request, fuse_ino_t number, const char *data, size_t size,
                     off_t offset, struct fuse_file_info *fi)
{
    struct handle *handle = handle_of(fi);
    const struct file_type *type = handle->type;
    (void)number, (void)offset;
    if (type->write) {
        expect_more(request);
        parked_write(request, handle, type->write, data, size, !(fi->flags & O_NONBLOCK),
                     type->waiting(handle));
        return;
    }
    struct value value = {data, size, fuse_req_ctx(request)->pid, request};
    int r = file_store_text(handle, &value);
    if (r < 0)
        fuse_reply_err(request, -r);
    else
        fuse_reply_write(request, size);
}

void open_file_flush(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *fi)
{
    struct handle *handle = handle_of(fi);
    (void)number;
    fuse_reply_err(request, handle->run ? -file_flush(handle, fuse_req_ctx(request)->pid) : 0);
}

void open_file_fsync(fuse_req_t request, fuse_ino_t number, int only_data,
                     struct fuse_file_info *fi)
{
    (void)number, (void)only_data, (void)fi;
    fuse_reply_err(request, 0);
}

void open_file_poll(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *fi,
                    struct fuse_pollhandle *poll)
{
    (void)number;
    fuse_reply_poll(request, handle_poll(handle_of(fi), poll));
}
