/* What a directory of the mount holds, a page at a time. */
#include "listing.h"

#include "inode.h"
#include "studentfs.h"

#include <errno.h>
#include <stdlib.h>

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
    const struct studentfs *fs = fuse_req_userdata(listing->request);
    for (;;) {
        const char *name;
        struct inode inode = inode_next(fs, directory, cookie, &name, &cookie);
        if (inode.kind == INODE_NONE)
            return;
        struct fuse_entry_param entry = inode_entry(fs, &inode);
        if (!list_entry(listing, &entry, name, cookie))
            return;
    }
}

static void list_directory(fuse_req_t request, fuse_ino_t number, size_t size, off_t cookie,
                           bool plus)
{
    struct inode directory = inode_find(fuse_req_userdata(request), number);
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

void listing_readdir(fuse_req_t request, fuse_ino_t number, size_t size, off_t cookie,
                     struct fuse_file_info *fi)
{
    (void)fi;
    list_directory(request, number, size, cookie, false);
}

void listing_readdirplus(fuse_req_t request, fuse_ino_t number, size_t size, off_t cookie,
                         struct fuse_file_info *fi)
{
    (void)fi;
    list_directory(request, number, size, cookie, true);
}
