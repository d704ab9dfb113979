/*
 * The runs that there are: by name for those in the tree, and by serial number for those
 * and the removed ones that somebody still holds open.
 */
#pragma once

#include "events.h"
#include "run.h"

/* The serial number of what holds the settings of later runs; those of runs follow. */
#define RUNS_DEFAULTS_SERIAL 1

#define RUN_TERMINATIONS 9

/* What has ever happened, for `metrics`. */
struct runs_totals {
    uint64_t made, cpu_usec, output_bytes;
    uint64_t ended[RUN_TERMINATIONS]; /* as in run_terminations */
};
extern const char *const run_terminations[RUN_TERMINATIONS];

struct run_slot {
    uint64_t serial;
    struct run *run; /* NULL: it is gone */
};

struct runs {
    struct run_context context;
    struct run *defaults;   /* never in the tree's list, never started */
    struct run_slot *slots; /* ascending by serial number; removed now and then */
    size_t n_slots, n_empty, capacity;
    size_t named, max_named; /* those in the tree */
    void *by_name;           /* tsearch(3) */
    uint64_t last_serial;
    struct runs_totals totals;
    struct events events;
    uint64_t last_new; /* number in the last name that runs_add_new() gave */
};

/* context.changed, .freed and .owner are set here. The defaults belong to uid and gid. -ENOMEM. */
int runs_init(struct runs *runs, const struct run_context *context, size_t max_named, uid_t uid,
              gid_t gid);
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
