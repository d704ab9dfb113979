/*
 * `events`: a line for each change of state of every run that its reader may see.
 *
 * A reader is first told the present state of each run, then what changes, and waits for
 * more: whoever opens it late misses no end. What is told lies in a ring that is there only
 * while somebody has the file open; a reader whom the ring has overtaken is told `lost` and
 * then the states again. So memory is bounded, and nobody waits for a slow reader.
 *
 * A reader's own offsets count his own lines. The lines of his last read are kept, because
 * shells read ahead and seek back; no others can be read again.
 */
#pragma once

#include "parked.h"
#include "run.h"
#include "viewer.h"

struct runs;

struct events {
    const struct runs *runs;
    struct event *ring; /* NULL: nobody reads */
    uint64_t next;      /* number of the next event */
    unsigned readers;
    struct list handles; /* of the readers */
    struct list waiting; /* their parked reads */
};

void events_init(struct events *events, const struct runs *runs);
/* All readers must have closed. */
void events_deinit(struct events *events);

/* The run is in that state now: run_state_name()'s, or `removed`. */
void events_tell(struct events *events, const struct run *run, const char *state);

/* A reader's place; NULL: no memory. */
struct event_reader *event_reader_new(struct events *events, const struct viewer *viewer);
/* Takes NULL. */
void event_reader_free(struct event_reader *reader);
struct events *event_reader_events(const struct event_reader *reader);
/* For a parked_read_fn: 0, -EAGAIN: nothing yet; -EINVAL: not the offset of what follows. */
int event_reader_read(struct event_reader *reader, fuse_req_t request, size_t size, off_t offset);
/* Whether his next read would not wait. */
bool event_reader_is_readable(struct event_reader *reader);
