/* A recording: see recording.h. */
#include "recording.h"

#include "base/cleanup.h"
#include "intake.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Where the parts lie: [0, SMALL_0), [SMALL_0, SMALL_1), then chunks. The first one grows. */
#define SMALL_MIN ((size_t)256)
#define SMALL_0   ((size_t)4 << 10)
#define SMALL_1   ((size_t)128 << 10)

/* Drained in one go, before others on the loop have their turn: a few pipes full. */
#define DRAIN_MAX ((size_t)4 << 20)

/* A read of 1 MiB, the most that FUSE asks for, touches no more parts than these. */
#define PARTS_MAX 4

void recording_init(struct recording *recording, struct chunk_pool *pool, recording_fn *changed)
{
    *recording = (struct recording){.pool = pool, .changed = changed, .fd = -1};
    list_init(&recording->waiting);
}

static void close_pipe(struct recording *recording)
{
    watch_remove(&recording->watch);
    fd_clear(&recording->fd);
}

void recording_deinit(struct recording *recording)
{
    close_pipe(recording);
    for (size_t i = 0; i < recording->n_chunks; i++)
        chunk_pool_put(recording->pool, recording->chunks[i]);
    free(recording->chunks);
    free(recording->small[0]);
    free(recording->small[1]);
}

/* The part that holds the byte at offset: how many bytes lie there from it on, and where. */
static char *locate(const struct recording *recording, uint64_t offset, size_t *ret_room)
{
    if (offset < SMALL_0) {
        bool there = offset < recording->small_size;
        *ret_room = there ? recording->small_size - (size_t)offset : 0;
        return there ? recording->small[0] + offset : NULL;
    }
    if (offset < SMALL_1) {
        *ret_room = SMALL_1 - (size_t)offset;
        return recording->small[1] ? recording->small[1] + (offset - SMALL_0) : NULL;
    }
    size_t index = (size_t)((offset - SMALL_1) / CHUNK_SIZE);
    size_t within = (size_t)((offset - SMALL_1) % CHUNK_SIZE);
    *ret_room = CHUNK_SIZE - within;
    return index < recording->n_chunks ? recording->chunks[index]->memory + within : NULL;
}

static int add_chunk(struct recording *recording)
{
    struct chunk **chunks =
        reallocarray(recording->chunks, recording->n_chunks + 1, sizeof(struct chunk *));
    if (!chunks)
        return -ENOMEM;
    recording->chunks = chunks;
    chunks[recording->n_chunks] = chunk_pool_get(recording->pool);
    if (!chunks[recording->n_chunks])
        return -ENOMEM;
    recording->n_chunks++;
    return 0;
}

static int grow_first_part(struct recording *recording)
{
    size_t size = recording->small_size ? 4 * recording->small_size : SMALL_MIN;
    char *memory = realloc(recording->small[0], size);
    if (!memory)
        return -ENOMEM;
    recording->small[0] = memory;
    recording->small_size = size;
    return 0;
}

static int add_part(struct recording *recording)
{
    if (recording->size >= SMALL_1)
        return add_chunk(recording);
    if (recording->size < SMALL_0)
        return grow_first_part(recording);
    recording->small[1] = malloc(SMALL_1 - SMALL_0);
    return recording->small[1] ? 0 : -ENOMEM;
}

/* Ended ones may stay for long, and be many. */
static void give_back_room(struct recording *recording)
{
    size_t first = recording->size < SMALL_0 ? (size_t)recording->size : SMALL_0;
    if (recording->small[0] && first > 0 && first < recording->small_size) {
        char *memory = realloc(recording->small[0], first);
        recording->small[0] = memory ? memory : recording->small[0];
        recording->small_size = first;
    }
    if (recording->small[1] && recording->size > SMALL_0 && recording->size < SMALL_1) {
        char *memory = realloc(recording->small[1], (size_t)recording->size - SMALL_0);
        recording->small[1] = memory ? memory : recording->small[1];
    }
}

/* Room for the next bytes, at most what the limit leaves; NULL: they are to be dropped. */
static char *make_room(struct recording *recording, size_t *ret_room)
{
    if (recording->limit > 0 && recording->size >= recording->limit)
        return NULL;
    char *at = locate(recording, recording->size, ret_room);
    if (!at && add_part(recording) == 0)
        at = locate(recording, recording->size, ret_room);
    if (at && recording->limit > 0 && *ret_room > recording->limit - recording->size)
        *ret_room = (size_t)(recording->limit - recording->size);
    return at;
}

/* Takes at most max bytes from the pipe. 0: its end; -EAGAIN: nothing there. Tells whether it
 * asked for more than there was. */
static ssize_t take(struct recording *recording, size_t max, bool *ret_is_emptied)
{
    static char dropped[64 << 10];
    size_t room;
    char *at = recording->truncated ? NULL : make_room(recording, &room);
    if (!at)
        room = sizeof(dropped);
    room = room < max ? room : max;
    ssize_t n = intake_read(recording->fd, at ? at : dropped, room);
    if (n < 0)
        return n;
    *ret_is_emptied = (size_t)n < room;
    if (at)
        recording->size += (uint64_t)n;
    else if (n > 0)
        recording->truncated = true;
    if (n > 0 && recording->tap)
        recording->tap->take(recording, at ? at : dropped, (size_t)n);
    return n;
}

/* At most max bytes. Returns false at the pipe's end. The tap may end the recording. */
static bool drain(struct recording *recording, size_t max)
{
    bool is_emptied = false;
    while (max > 0 && !is_emptied && !recording->ended) {
        ssize_t n = take(recording, max, &is_emptied);
        if (n <= 0)
            return n == -EAGAIN || n == -EINTR;
        max -= (size_t)n;
    }
    return true;
}

void recording_tell(struct recording *recording)
{
    parked_wake(&recording->waiting);
    recording->changed(recording);
}

static void finish(struct recording *recording)
{
    close_pipe(recording);
    give_back_room(recording);
    recording->ended = true;
    recording_tell(recording);
}

static void on_pipe(struct watch *watch, uint32_t events)
{
    (void)events;
    struct recording *recording = container_of(watch, struct recording, watch);
    size_t room = recording->tap ? recording->tap->room(recording) : DRAIN_MAX;
    if (room == 0) {
        /* Not watched at all: the kernel tells of the writers' end without being asked. */
        watch_remove(watch);
        return;
    }
    bool more = drain(recording, room);
    if (recording->ended)
        return;
    if (more)
        recording_tell(recording);
    else
        finish(recording);
}

void recording_resume(struct recording *recording, struct loop *loop)
{
    if (recording->fd < 0 || recording->watch.loop)
        return;
    if (watch_add(loop, &recording->watch, recording->fd, EPOLLIN, on_pipe) < 0)
        recording_end(recording);
}

void recording_append(struct recording *recording, const char *data, size_t size)
{
    while (size > 0 && !recording->truncated) {
        size_t room;
        char *at = make_room(recording, &room);
        if (!at) {
            recording->truncated = true;
            return;
        }
        size_t n = size < room ? size : room;
        memcpy(at, data, n);
        recording->size += n;
        data += n;
        size -= n;
    }
}

int recording_open(struct recording *recording, struct loop *loop, int fd, uint64_t limit)
{
    recording->fd = fd;
    recording->limit = limit;
    if (recording->ended) {
        close_pipe(recording);
        return 0;
    }
    int r = watch_add(loop, &recording->watch, fd, EPOLLIN, on_pipe);
    if (r < 0)
        close_pipe(recording);
    return r;
}

void recording_end(struct recording *recording)
{
    if (recording->ended)
        return;
    /* Counted first: a process that outlives the command could write for ever. */
    int n = 0;
    if (recording->fd >= 0 && ioctl(recording->fd, FIONREAD, &n) == 0 && n > 0)
        drain(recording, (size_t)n);
    if (!recording->ended)
        finish(recording);
}

bool recording_is_readable(const struct recording *recording, off_t offset)
{
    return recording->ended || (uint64_t)offset < recording->size;
}

const char *recording_at(const struct recording *recording, uint64_t offset, size_t *ret_size)
{
    size_t room;
    const char *at = locate(recording, offset, &room);
    *ret_size = room < recording->size - offset ? room : (size_t)(recording->size - offset);
    return at;
}

off_t recording_read(struct recording *recording, fuse_req_t request, size_t size, off_t offset)
{
    struct iovec parts[PARTS_MAX];
    int n = 0;
    uint64_t at = (uint64_t)offset;
    if (!recording_is_readable(recording, offset))
        return -EAGAIN;
    while (n < PARTS_MAX && size > 0 && at < recording->size) {
        size_t length;
        parts[n].iov_base = (char *)(uintptr_t)recording_at(recording, at, &length);
        parts[n].iov_len = length < size ? length : size;
        size -= parts[n].iov_len;
        at += parts[n++].iov_len;
    }
    fuse_reply_iov(request, parts, n);
    return (off_t)at;
}
