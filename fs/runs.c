/* The runs that there are. */
#include "runs.h"

#include "files.h"
#include "status.h"

#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct run *)a)->name, ((const struct run *)b)->name);
}

/* The index of the first slot with a serial number of at least serial. */
static size_t find(const struct runs *runs, uint64_t serial)
{
    size_t low = 0, high = runs->n_slots;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (runs->slots[middle].serial < serial)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void remove_empty_slots(struct runs *runs)
{
    size_t kept = 0;
    for (size_t i = 0; i < runs->n_slots; i++)
        if (runs->slots[i].run)
            runs->slots[kept++] = runs->slots[i];
    runs->n_slots = kept;
    runs->n_empty = 0;
}

/* The last reference is going: nobody can ask for its inodes any more. */
static void forget(void *owner, struct run *run)
{
    struct runs *runs = owner;
    size_t at = find(runs, run->serial);
    if (at == runs->n_slots || runs->slots[at].run != run)
        return; /* it never came so far */
    runs->slots[at].run = NULL;
    /* Not one by one: among many runs that would move many each time. */
    if (++runs->n_empty > runs->n_slots / 2)
        remove_empty_slots(runs);
}

/* As studentrun.h has them. */
const char *const run_terminations[RUN_TERMINATIONS] = {"exited",    "signal",      "cpu_time",
                                                        "wall_time", "memory",      "disk",
                                                        "removed",   "unavailable", "failed"};

static void count_end(struct runs *runs, const struct run *run)
{
    for (unsigned i = 0; i < RUN_TERMINATIONS; i++)
        runs->totals.ended[i] += strcmp(run_terminations[i], run->result.termination) == 0;
    runs->totals.cpu_usec += run->result.cpu_usec;
    for (unsigned i = 0; i < RUN_STREAMS; i++)
        runs->totals.output_bytes += run->recordings[i].size;
}

static void on_change(void *owner, const struct run *run)
{
    struct runs *runs = owner;
    if (run->state == RUN_ENDED)
        count_end(runs, run);
    events_tell(&runs->events, run, run_state_name(run->state));
}

/* A run that never starts, of whose files only the settings are there. */
static int make_defaults(struct runs *runs, uid_t uid, gid_t gid)
{
    struct settings settings;
    settings_init(&settings);
    int r = run_new(&runs->context, "defaults", &settings, &runs->defaults);
    if (r < 0)
        return r;
    runs->defaults->uid = uid;
    runs->defaults->gid = gid;
    runs->defaults->mode = 0755;
    runs->defaults->serial = RUNS_DEFAULTS_SERIAL;
    for (unsigned i = 0; i < run_files_count; i++)
        if (run_files[i].setting.kind == SETTING_NONE)
            runs->defaults->unlinked |= 1u << i;
    return 0;
}

int runs_init(struct runs *runs, const struct run_context *context, size_t max_named, uid_t uid,
              gid_t gid)
{
    *runs = (struct runs){
        .context = *context, .max_named = max_named, .last_serial = RUNS_DEFAULTS_SERIAL};
    runs->context.changed = on_change;
    runs->context.freed = forget;
    runs->context.owner = runs;
    events_init(&runs->events, runs);
    return make_defaults(runs, uid, gid);
}

void runs_deinit(struct runs *runs)
{
    for (struct run *run; (run = runs_next(runs, 0));)
        runs_remove(runs, run);
    if (runs->defaults)
        run_unref(runs->defaults);
    events_deinit(&runs->events);
    free(runs->slots);
}

static int reserve(struct runs *runs)
{
    if (runs->n_slots < runs->capacity)
        return 0;
    size_t capacity = runs->capacity ? 2 * runs->capacity : 64;
    struct run_slot *slots = reallocarray(runs->slots, capacity, sizeof(*slots));
    if (!slots)
        return -ENOMEM;
    runs->slots = slots;
    runs->capacity = capacity;
    return 0;
}

int runs_add(struct runs *runs, const char *name, uid_t uid, gid_t gid, mode_t mode,
             struct run **ret_run)
{
    struct run *run;
    if (runs_by_name(runs, name))
        return -EEXIST;
    if (runs->named >= runs->max_named)
        return -ENOSPC;
    int r = reserve(runs);
    if (r == 0)
        r = run_new(&runs->context, name, &runs->defaults->settings, &run);
    if (r < 0)
        return r;
    if (!tsearch(run, &runs->by_name, compare_names)) {
        run_unref(run);
        return -ENOMEM;
    }
    run->uid = uid;
    run->gid = gid;
    run->mode = mode & 07777;
    run->serial = ++runs->last_serial;
    runs->slots[runs->n_slots++] = (struct run_slot){run->serial, run};
    runs->named++;
    runs->totals.made++;
    events_tell(&runs->events, run, run_state_name(RUN_NEW));
    *ret_run = run;
    return 0;
}

int runs_add_new(struct runs *runs, uid_t uid, gid_t gid, mode_t mode, struct run **ret_run)
{
    char name[32];
    int r;
    do {
        snprintf(name, sizeof(name), "r%llu", (unsigned long long)++runs->last_new);
        r = runs_add(runs, name, uid, gid, mode, ret_run);
    } while (r == -EEXIST);
    return r;
}

void runs_remove(struct runs *runs, struct run *run)
{
    tdelete(run, &runs->by_name, compare_names);
    runs->named--;
    run_remove(run);
    events_tell(&runs->events, run, "removed");
    run_unref(run);
}

struct run *runs_by_name(const struct runs *runs, const char *name)
{
    struct run key = {.name = (char *)(uintptr_t)name};
    struct run **found = tfind(&key, &runs->by_name, compare_names);
    return found ? *found : NULL;
}

struct run *runs_by_serial(const struct runs *runs, uint64_t serial)
{
    size_t at = find(runs, serial);
    if (serial == RUNS_DEFAULTS_SERIAL)
        return runs->defaults;
    return at < runs->n_slots && runs->slots[at].serial == serial ? runs->slots[at].run : NULL;
}

struct run *runs_next(const struct runs *runs, uint64_t serial)
{
    size_t at = find(runs, serial);
    while (at < runs->n_slots && (!runs->slots[at].run || runs->slots[at].run->removed))
        at++;
    return at < runs->n_slots ? runs->slots[at].run : NULL;
}
