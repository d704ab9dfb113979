/*
 * A ZeroMQ socket on the event loop.
 *
 * ZeroMQ's descriptor is edge-triggered: it tells that ZMQ_EVENTS may have changed, and
 * any send or receive may use that up. So the events are read again after each of them,
 * here and nowhere else. Messages are frames; sending never waits: past the socket's
 * high-water mark it is -EAGAIN.
 */
#pragma once

#include "loop.h"

#include <stddef.h>
#include <zmq.h>

/* The most frames of a message that are kept: identity, delimiter, content, one to see excess. */
#define ZMQ_FRAMES_MAX 4

struct zmq_watch;
/*
 * Called for each message, with its first ZMQ_FRAMES_MAX frames (n_frames counts all of
 * them); they are the watch's and go when the callback returns. The watch may be closed meanwhile.
 */
typedef void zmq_watch_fn(struct zmq_watch *watch, zmq_msg_t *frames, size_t n_frames);

struct zmq_watch {
    void *socket; /* NULL while closed */
    struct loop *loop;
    struct watch watch;
    struct deferred again;
    zmq_watch_fn *fn;
    bool *closed; /* set where the callback closes the watch that called it */
    bool is_paused;
};

/* Takes the socket, also on failure. */
int zmq_watch_open(struct zmq_watch *watch, struct loop *loop, void *socket, zmq_watch_fn *fn);
/* Harmless on a zeroed or closed watch. */
void zmq_watch_close(struct zmq_watch *watch);

/* While it is paused no message is received: ZeroMQ keeps those that come, up to the high-water
 * mark, and so does the other end. Harmless on a closed watch. */
void zmq_watch_pause(struct zmq_watch *watch, bool is_paused);

/* Calls back for all messages that are there already. Not from its own callback. */
void zmq_watch_drain(struct zmq_watch *watch);

struct zmq_part {
    const void *data;
    size_t size;
};
/* Sends one message of n_parts frames, or nothing of it. */
int zmq_watch_send(struct zmq_watch *watch, const struct zmq_part *parts, size_t n_parts);
/* The same, with a last frame behind those, which is not copied: data was malloc()ed, and is taken
 * in any case. */
int zmq_watch_send_take(struct zmq_watch *watch, const struct zmq_part *parts, size_t n_parts,
                        void *data, size_t size);
