/*
 * The runs that there are: by name for those in the tree, and by serial number for those
 * and the removed ones that somebody still holds open.
 */
#pragma once

#include "run.h"

struct runs {
    struct run_context context;
    struct run **by_serial; /* ascending */
    size_t count, capacity;
    size_t named, max_named; /* those in the tree */
    void *by_name;           /* tsearch(3) */
    uint64_t last_serial;
    uint64_t last_new; /* number in the last name that runs_add_new() gave */
};

/* context.freed and .owner are set here. */
void runs_init(struct runs *runs, const struct run_context *context, size_t max_named);
/* Removes all of them. Handles must be closed. */
void runs_deinit(struct runs *runs);

/* Makes a run, whose reference stays here. -EEXIST, -ENOSPC: more than max_named, -ENOMEM. */
int runs_add(struct runs *runs, const char *name, uid_t uid, gid_t gid, mode_t mode,
             struct run **ret_run);
/* The same with a name of ours: r1, r2, ... */
int runs_add_new(struct runs *runs, uid_t uid, gid_t gid, mode_t mode, struct run **ret_run);
/* Takes it out of the tree and kills what goes on in it. */
void runs_remove(struct runs *runs, struct run *run);

/* NULL: there is none. */
struct run *runs_by_name(const struct runs *runs, const char *name);
struct run *runs_by_serial(const struct runs *runs, uint64_t serial);
/* The first in the tree with a serial number of at least serial. */
struct run *runs_next(const struct runs *runs, uint64_t serial);
