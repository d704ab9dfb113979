/* The events of all runs: see events.h. */
#include "events.h"

#include "base/escape.h"
#include "base/log.h"
#include "handle.h"
#include "runs.h"
#include "status.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Four changes each of a thousand runs: more than a reader that reads at all is behind. */
#define RING_SIZE 4096

/* "SECONDS STATE RETVAL TERMINATION " and the newline. */
#define FRAME_SIZE 96
#define LINE_SIZE  (FRAME_SIZE + ESCAPE_MAX * NAME_MAX)
/* Of one read: what each reader keeps at most. */
#define PAGE_SIZE_MAX ((size_t)16 << 10)

struct event {
    uint64_t serial;
    struct timespec at;
    char *name;
    uid_t uid;
    gid_t gid;
    mode_t mode;
    const char *state, *termination; /* NULL: it has not ended */
    int retval;
};

struct event_reader {
    struct events *events;
    struct viewer viewer;
    uint64_t position; /* of the next event to tell */
    /* Of the runs that were there at first, those with a serial number below have been told. */
    uint64_t cursor, limit;
    bool lost;  /* to be told */
    char *page; /* the lines of the last read, and where they begin */
    size_t page_size;
    off_t page_start, last; /* last: after what was read */
};

void events_init(struct events *events, const struct runs *runs)
{
    *events = (struct events){.runs = runs};
    list_init(&events->handles);
    list_init(&events->waiting);
}

static void drop_ring(struct events *events)
{
    for (size_t i = 0; events->ring && i < RING_SIZE; i++)
        free(events->ring[i].name);
    free(events->ring);
    events->ring = NULL;
}

void events_deinit(struct events *events)
{
    drop_ring(events);
}

/* What is true of the run now. The name is borrowed. */
static struct event event_of(const struct run *run, const char *state)
{
    bool ended = run->state == RUN_ENDED;
    return (struct event){.serial = run->serial,
                          .at = run->changed,
                          .name = run->name,
                          .uid = run->uid,
                          .gid = run->gid,
                          .mode = run->mode,
                          .state = state,
                          .termination = ended ? run->result.termination : NULL,
                          .retval = run->result.retval};
}

void events_tell(struct events *events, const struct run *run, const char *state)
{
    log_debug("run %s: %s", run->name, state);
    if (!events->ring)
        return;
    struct event *event = &events->ring[events->next++ % RING_SIZE];
    free(event->name);
    *event = event_of(run, state);
    clock_gettime(CLOCK_REALTIME, &event->at);
    event->name = strdup(run->name);
    parked_wake(&events->waiting);
    handle_notify_all(&events->handles);
}

/* --- readers --- */

struct event_reader *event_reader_new(struct events *events, const struct viewer *viewer)
{
    struct event_reader *reader = malloc(sizeof(*reader));
    if (reader && !events->ring)
        events->ring = calloc(RING_SIZE, sizeof(*events->ring));
    if (!reader || !events->ring) {
        free(reader);
        return NULL;
    }
    *reader = (struct event_reader){.events = events,
                                    .viewer = *viewer,
                                    .position = events->next,
                                    .limit = events->runs->last_serial + 1};
    events->readers++;
    return reader;
}

void event_reader_free(struct event_reader *reader)
{
    if (!reader)
        return;
    if (--reader->events->readers == 0)
        drop_ring(reader->events);
    free(reader->page);
    free(reader);
}

struct events *event_reader_events(const struct event_reader *reader)
{
    return reader->events;
}

static bool is_told(const struct event_reader *reader, const struct event *event)
{
    /* What lies between is told by its present state, when its turn comes. */
    bool turn = event->serial < reader->cursor || event->serial >= reader->limit;
    return turn && viewer_may_see(&reader->viewer, event->uid, event->gid, event->mode);
}

static void check_overtaken(struct event_reader *reader)
{
    const struct events *events = reader->events;
    if (events->next - reader->position <= RING_SIZE)
        return;
    reader->lost = true;
    reader->position = events->next;
    reader->cursor = 0;
    reader->limit = events->runs->last_serial + 1;
}

/* What is to be told next, and stays so until step(). False: nothing. */
static bool peek(struct event_reader *reader, struct event *ret_event)
{
    const struct events *events = reader->events;
    check_overtaken(reader);
    if (reader->lost) {
        *ret_event = (struct event){.state = "lost"};
        clock_gettime(CLOCK_REALTIME, &ret_event->at);
        return true;
    }
    for (; reader->position < events->next; reader->position++) {
        *ret_event = events->ring[reader->position % RING_SIZE];
        if (is_told(reader, ret_event))
            return true;
    }
    while (reader->cursor < reader->limit) {
        const struct run *run = runs_next(events->runs, reader->cursor);
        if (!run || run->serial >= reader->limit) {
            reader->cursor = reader->limit;
            return false;
        }
        *ret_event = event_of(run, run_state_name(run->state));
        if (viewer_may_see(&reader->viewer, run->uid, run->gid, run->mode))
            return true;
        reader->cursor = run->serial + 1;
    }
    return false;
}

static void step(struct event_reader *reader, const struct event *told)
{
    if (reader->lost)
        reader->lost = false;
    else if (reader->position < reader->events->next)
        reader->position++;
    else
        reader->cursor = told->serial + 1;
}

static size_t print(const struct event *event, char *out)
{
    char retval[16] = "-";
    const char *name = event->name ? event->name : "-";
    if (event->termination)
        snprintf(retval, sizeof(retval), "%d", event->retval);
    size_t n = (size_t)snprintf(out, FRAME_SIZE, "%" PRId64 ".%06ld %s %s %s ",
                                (int64_t)event->at.tv_sec, event->at.tv_nsec / 1000, event->state,
                                retval, event->termination ? event->termination : "-");
    n += escape(name, strlen(name), out + n);
    out[n++] = '\n';
    return n;
}

/* The lines that follow, at least one and about as many as asked for. */
static int turn_page(struct event_reader *reader, size_t size)
{
    static char lines[PAGE_SIZE_MAX];
    struct event event;
    size_t n = 0;
    while (n < size && n + LINE_SIZE <= sizeof(lines) && peek(reader, &event)) {
        n += print(&event, lines + n);
        step(reader, &event);
    }
    if (n == 0)
        return -EAGAIN;
    char *page = realloc(reader->page, n);
    if (!page)
        return -ENOMEM;
    memcpy(page, lines, n);
    reader->page_start += (off_t)reader->page_size;
    reader->page = page;
    reader->page_size = n;
    return 0;
}

int event_reader_read(struct event_reader *reader, fuse_req_t request, size_t size, off_t offset)
{
    off_t end = reader->page_start + (off_t)reader->page_size;
    if (offset < reader->page_start || offset > end)
        return -EINVAL;
    int r = offset == end ? turn_page(reader, size) : 0;
    if (r < 0)
        return r;
    size_t at = (size_t)(offset - reader->page_start), left = reader->page_size - at;
    size_t n = left < size ? left : size;
    reader->last = offset + (off_t)n;
    fuse_reply_buf(request, reader->page + at, n);
    return 0;
}

bool event_reader_is_readable(struct event_reader *reader)
{
    struct event event;
    return reader->last < reader->page_start + (off_t)reader->page_size || peek(reader, &event);
}
