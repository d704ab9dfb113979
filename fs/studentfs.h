/* The daemon's parts, as the FUSE operations and main see them. */
#pragma once

#include "agent_process.h"
#include "base/loop.h"
#include "chunk_pool.h"
#include "mount.h"
#include "options.h"
#include "runs.h"

struct studentfs {
    struct loop loop;
    const struct options *options;
    struct chunk_pool pool;
    struct runs runs;
    struct studentrun_engine *engine;
    struct watch engine_watch;
    struct agent_process agent;
    struct mount mount;
    struct watch signals;
    uid_t uid; /* of the mounting user, to whom the top belongs */
    gid_t gid;
    struct timespec started;
};
