/*
 * Inode numbers. They are computed, not kept: a run's serial number is never used again,
 * so an inode number names the same thing for ever, and no lookup has to be counted.
 */
#pragma once

#include "files.h"
#include "runs.h"

#include <fuse_lowlevel.h>
#include <sys/stat.h>

struct studentfs;

enum inode_kind { INODE_NONE, INODE_ROOT, INODE_TASK, INODE_TOP_FILE, INODE_RUN, INODE_RUN_FILE };

struct inode {
    enum inode_kind kind;
    struct run *run;              /* INODE_RUN, INODE_RUN_FILE */
    unsigned index;               /* INODE_TOP_FILE, INODE_RUN_FILE: in its table */
    const struct file_type *type; /* the same */
};

/* INODE_NONE: it is gone. A removed run's is there as long as somebody holds it open. */
struct inode inode_find(const struct studentfs *fs, fuse_ino_t number);
/* The entry of that name. INODE_NONE: none. */
struct inode inode_lookup(const struct studentfs *fs, const struct inode *directory,
                          const char *name);
/* Reserved at the top, besides the names of files there. */
bool inode_is_reserved(const char *name);

fuse_ino_t inode_number(const struct inode *inode);
void inode_stat(const struct studentfs *fs, const struct inode *inode, struct stat *ret_stat);
/*
 * Seconds for which the kernel may keep the attributes that it is told now. They change with the
 * run's end and with its directory's mode and owner; then it is told to forget those that it was
 * to keep: of a run the bits of `kept`, whose numbers are inode_kept()'s. is_known: it has that
 * inode already. What it is told of others it takes in later, maybe after it was told to forget.
 * Of streams it keeps nothing.
 */
double inode_keep(const struct inode *inode, bool is_known);
fuse_ino_t inode_kept(const struct run *run, unsigned bit);
/* What lookup answers. */
struct fuse_entry_param inode_entry(const struct studentfs *fs, const struct inode *inode);
/* The entry point of readdir: the entry with at least that number; INODE_NONE: the end. */
struct inode inode_next(const struct studentfs *fs, const struct inode *directory, uint64_t cookie,
                        const char **ret_name, uint64_t *ret_cookie);
