/*
 * The pool: sandboxes prepared ahead, so that a run need not wait for one to be made.
 *
 * Its kind is fixed when a sandbox is made, and so is /task/student: one that was prepared
 * for a directory that has since been replaced is discarded. Those of other kinds than the
 * usual one are made on demand. Requests are served in order, per kind.
 */
#pragma once

#include "cgroup.h"
#include "demand.h"
#include "graves.h"
#include "kind.h"
#include "maker.h"
#include "sandbox.h"
#include "spawner.h"

struct pool_request;
/* sandbox: READY, the callee's from now on, to be given back by pool_retire(); NULL: there is
 * none, for that reason. */
typedef void pool_request_fn(struct pool_request *request, struct sandbox *sandbox,
                             const char *reason);

struct pool_request {
    struct list link;
    struct sandbox_kind kind;
    pool_request_fn *fn;
};

struct pool {
    struct loop *loop;
    struct spawner *spawner;
    struct cgroup_tree *cgroups;
    const struct maker *maker;
    struct limits limits;     /* the plan's */
    struct demand demand;     /* for sandboxes of the usual kind, which are kept ready */
    unsigned n_busy;          /* sandboxes that were granted and are not back */
    uint64_t granted_ns;      /* when the last one was */
    unsigned n_row;           /* of the usual kind, since as many were ready as are to be */
    unsigned n_idle_deaths;   /* since a run went well */
    uint64_t barred_until_ns; /* for them no more are prepared before */
    struct timer decay, quiet;
    bool decays;
    struct list requests, spawning, starting, ready, retired;
    struct list all; /* every sandbox there is */
    struct graves graves;
    struct deferred turn;
    bool broken; /* the last of the usual kind did not start: no more until one is asked for */
    bool ending;
};

struct pool_plan {
    unsigned least, most; /* how many are to be ready (demand.h) */
    struct limits limits; /* those that most runs have: set ahead */
};

/* The spawner's answers go to pool_spawned(). */
int pool_init(struct pool *pool, struct loop *loop, struct spawner *spawner,
              struct cgroup_tree *cgroups, const struct maker *maker, const struct pool_plan *plan);
void pool_spawned(struct pool *pool, int pidfd);

/* Answers later, from the loop. list_remove() of its link takes it back. */
void pool_ask(struct pool *pool, struct pool_request *request);
/* Its run is over: it is to end by itself soon, or is killed now. */
void pool_retire(struct pool *pool, struct sandbox *sandbox, bool kill);

/* Refuses who waits, kills all sandboxes and makes no more; it is empty when all is gone, groups
 * included. */
void pool_end(struct pool *pool);
bool pool_is_empty(const struct pool *pool);
void pool_deinit(struct pool *pool);
