/* A ZeroMQ socket on the event loop; the one file that reads ZMQ_EVENTS. */
#include "base/zmq_watch.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Messages handled in one go, before others on the loop have their turn. */
#define BURST_MAX 64

static bool is_readable(void *socket)
{
    int events = 0;
    size_t size = sizeof(events);
    return zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size) == 0 && (events & ZMQ_POLLIN);
}

/* Receives all frames of one message; those past ZMQ_FRAMES_MAX are counted and dropped. */
static size_t receive_message(void *socket, zmq_msg_t *frames)
{
    size_t n = 0;
    bool more = true;
    while (more) {
        zmq_msg_t excess;
        zmq_msg_t *frame = n < ZMQ_FRAMES_MAX ? &frames[n] : &excess;
        zmq_msg_init(frame);
        if (zmq_msg_recv(frame, socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(frame);
            break;
        }
        more = zmq_msg_more(frame);
        if (n >= ZMQ_FRAMES_MAX)
            zmq_msg_close(frame);
        n++;
    }
    return n;
}

/* At most n_max messages. Returns whether the watch is still open. */
static bool receive_some(struct zmq_watch *watch, int n_max)
{
    bool closed = false;
    watch->closed = &closed;
    for (int i = 0; i < n_max && !watch->is_paused && is_readable(watch->socket); i++) {
        zmq_msg_t frames[ZMQ_FRAMES_MAX];
        size_t n = receive_message(watch->socket, frames);
        if (n == 0)
            break;
        watch->fn(watch, frames, n);
        for (size_t f = 0; f < n && f < ZMQ_FRAMES_MAX; f++)
            zmq_msg_close(&frames[f]);
        if (closed)
            return false;
    }
    watch->closed = NULL;
    return true;
}

static void receive_burst(struct zmq_watch *watch)
{
    if (receive_some(watch, BURST_MAX) && !watch->is_paused && is_readable(watch->socket))
        deferred_schedule(watch->loop, &watch->again);
}

static void on_descriptor(struct watch *watch, uint32_t events)
{
    (void)events;
    receive_burst(container_of(watch, struct zmq_watch, watch));
}

static void on_again(struct deferred *deferred)
{
    receive_burst(container_of(deferred, struct zmq_watch, again));
}

int zmq_watch_open(struct zmq_watch *watch, struct loop *loop, void *socket, zmq_watch_fn *fn)
{
    int fd;
    size_t size = sizeof(fd);
    *watch = (struct zmq_watch){.socket = socket, .loop = loop, .fn = fn};
    deferred_init(&watch->again, on_again);
    int r = zmq_getsockopt(socket, ZMQ_FD, &fd, &size) < 0 ? -errno : 0;
    if (r == 0)
        r = watch_add(loop, &watch->watch, fd, EPOLLIN, on_descriptor);
    if (r < 0) {
        zmq_watch_close(watch);
        return r;
    }
    /* What came before the watch made its edge already. */
    deferred_schedule(loop, &watch->again);
    return 0;
}

void zmq_watch_close(struct zmq_watch *watch)
{
    if (!watch->socket)
        return;
    if (watch->closed)
        *watch->closed = true;
    watch_remove(&watch->watch);
    deferred_cancel(&watch->again);
    zmq_close(watch->socket);
    watch->socket = NULL;
}

void zmq_watch_pause(struct zmq_watch *watch, bool is_paused)
{
    if (watch->is_paused && !is_paused && watch->socket)
        deferred_schedule(watch->loop, &watch->again);
    watch->is_paused = is_paused;
}

void zmq_watch_drain(struct zmq_watch *watch)
{
    receive_some(watch, INT_MAX);
}

static int send_frames(void *socket, const struct zmq_part *parts, size_t n_parts, bool more)
{
    for (size_t i = 0; i < n_parts; i++) {
        int flags = ZMQ_DONTWAIT | (more || i + 1 < n_parts ? ZMQ_SNDMORE : 0);
        /* Only the first frame can meet the high-water mark: ZeroMQ counts messages. */
        if (zmq_send(socket, parts[i].data, parts[i].size, flags) < 0)
            return -errno;
    }
    return 0;
}

static int sent(struct zmq_watch *watch, int r)
{
    if (is_readable(watch->socket))
        deferred_schedule(watch->loop, &watch->again);
    return r;
}

int zmq_watch_send(struct zmq_watch *watch, const struct zmq_part *parts, size_t n_parts)
{
    return sent(watch, send_frames(watch->socket, parts, n_parts, false));
}

/* Maybe in ZeroMQ's thread. */
static void release(void *data, void *hint)
{
    (void)hint;
    free(data);
}

int zmq_watch_send_take(struct zmq_watch *watch, const struct zmq_part *parts, size_t n_parts,
                        void *data, size_t size)
{
    zmq_msg_t last;
    if (zmq_msg_init_data(&last, data, size, release, NULL) < 0) {
        free(data);
        return -ENOMEM;
    }
    int r = send_frames(watch->socket, parts, n_parts, true);
    if (r == 0 && zmq_msg_send(&last, watch->socket, ZMQ_DONTWAIT) < 0)
        r = -errno;
    if (r < 0)
        zmq_msg_close(&last);
    return sent(watch, r);
}
