/*
 * The growth of the student's directory, where no quota bounds it.
 *
 * The runs share the directory, so that what grows there is nobody's in particular. Looked at are
 * three things, the cheap one first:
 *
 *   - the file system's free space and inodes, five times a second. As long as they have not shrunk
 *     by the limit since a run began, that run has not grown by it. Mostly this is all.
 *   - if they have: what the run's processes have written, as the kernel counts it for each. It
 *     is the run's own, in files that have lost their name as well; what the grader writes
 * meanwhile, or anybody else on the file system, is not in it.
 *   - else files with nothing in them may be the reason: of the run that had the kernel work the
 *     most, those of the student's that have come or changed since it began (disk_scan.h).
 *
 * The filter refuses fallocate(), which takes space and writes nothing. Files in memory are
 * the memory limit's.
 */
#pragma once

#include "base/list.h"
#include "base/loop.h"
#include "cgroup.h"
#include "disk_scan.h"

#include <stdbool.h>
#include <stdint.h>

/* What a file takes besides its content: its inode, its name. */
#define DISK_FILE_SIZE UINT64_C(4096)

struct disk_use;
/* It is over the limit, and no longer watched. */
typedef void disk_fn(struct disk_use *use);

/* Of one run. Zeroed: not watched. */
struct disk_use {
    struct list link;
    const struct cgroup *cgroup;
    disk_fn *fn;
    uint64_t free_bytes, free_files; /* the most that was seen */
    struct timespec since;
    bool is_suspicious;
};

struct disk {
    struct loop *loop;
    const char *path; /* the student's directory; it may be none */
    uint64_t limit;   /* bytes; 0: none */
    uid_t uid;        /* the student's, outside */
    struct list uses;
    struct timer timer;
    struct disk_scan scan;
    struct disk_use *suspect; /* whose files are looked for; NULL: nobody's */
};

/* path is borrowed. */
int disk_init(struct disk *disk, struct loop *loop, const char *path, uid_t uid, uint64_t limit);
void disk_deinit(struct disk *disk);

void disk_watch(struct disk *disk, struct disk_use *use, const struct cgroup *cgroup, disk_fn *fn);
/* Harmless on one that is not watched. */
void disk_unwatch(struct disk *disk, struct disk_use *use);
