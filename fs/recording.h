/*
 * A recording: everything that a run wrote to one of its streams, for any number of
 * readers, before and after the end.
 *
 * The student writes into a pipe; the loop drains it as soon as something is there, so
 * that the student is never blocked by a grader that does not read. Past the limit, or
 * where no memory is left, what comes is read and dropped, and the recording is marked
 * as truncated.
 */
#pragma once

#include "base/loop.h"
#include "chunk_pool.h"
#include "parked.h"

#include <stdbool.h>
#include <stdint.h>

struct recording;
/* There is more to read, or the end. */
typedef void recording_fn(struct recording *recording);

/* Somebody else who gets every byte, also those that are not recorded, and may hold them up. */
struct recording_tap {
    size_t (*room)(struct recording *recording); /* 0: not now; recording_resume() follows */
    /* More than the room at the end only. May end the recording. */
    void (*take)(struct recording *recording, const char *data, size_t size);
};

struct recording {
    struct chunk_pool *pool;
    recording_fn *changed;
    struct watch watch;
    int fd;                /* the pipe's end; -1 before it opens and after it ends */
    char *small[2];        /* the first bytes: small recordings take no whole chunk */
    size_t small_size;     /* allocated of small[0] */
    struct chunk **chunks; /* what follows */
    size_t n_chunks;
    uint64_t size, limit; /* bytes; limit 0: none */
    bool truncated, ended;
    const struct recording_tap *tap; /* or NULL */
    struct list waiting;             /* parked reads */
};

/* changed is called from the loop, after the reads that wait were served. */
void recording_init(struct recording *recording, struct chunk_pool *pool, recording_fn *changed);
/* Nothing may wait on it. */
void recording_deinit(struct recording *recording);

/*
 * Records what comes from the pipe's end, which it takes, also on failure. Where it has
 * ended already nothing does, and the pipe is closed.
 */
int recording_open(struct recording *recording, struct loop *loop, int fd, uint64_t limit);
/* Adds to one that no pipe was opened for; where no memory is left it is truncated. */
void recording_append(struct recording *recording, const char *data, size_t size);
/* Wakes those who wait for what was added. */
void recording_tell(struct recording *recording);
/* The tap has room again. */
void recording_resume(struct recording *recording, struct loop *loop);
/* Takes what is in the pipe now and ends: later writers write into nothing. */
void recording_end(struct recording *recording);

/* For a parked_read_fn: the offset after what was answered, or -EAGAIN where nothing is there yet.
 */
off_t recording_read(struct recording *recording, fuse_req_t request, size_t size, off_t offset);
/* What lies at the offset, which must be less than the size, and how much of it in one piece. */
const char *recording_at(const struct recording *recording, uint64_t offset, size_t *ret_size);
/* Whether a read at the offset would not wait. */
bool recording_is_readable(const struct recording *recording, off_t offset);
