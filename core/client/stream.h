/*
 * A descriptor of the caller's, whatever it is, read or written without ever waiting for it and
 * without a trace: O_NONBLOCK belongs to the file description, which the caller may share with
 * others, and is left as it was.
 *
 *   socket           MSG_DONTWAIT
 *   pipe, terminal   opened again by /proc/self/fd: a file description of our own, non-blocking
 *   the same, where that is denied (another user's): RWF_NOWAIT, or as much as a ready one takes
 *   anything else    as it is: regular files, /dev/null and the like are always ready, for epoll as
 *                    well, which refuses them
 */
#pragma once

#include "base/loop.h"

#include <stddef.h>
#include <sys/types.h>

struct stream;
typedef void stream_fn(struct stream *stream);

enum stream_kind {
    STREAM_PLAIN,  /* never waits, as it is */
    STREAM_SOCKET, /* told so with each call */
    STREAM_SHARED, /* may wait: looked at before each call */
};

struct stream {
    struct loop *loop; /* NULL while it is closed */
    int fd;
    enum stream_kind kind;
    bool is_output;
    struct watch watch;
    struct deferred again; /* in place of a watch, of what epoll refuses */
    stream_fn *fn;
};

/* Takes fd. */
void stream_open(struct stream *stream, struct loop *loop, int fd, bool is_output, stream_fn *fn);
/* Harmless on a zeroed or closed one. */
void stream_close(struct stream *stream);
bool stream_is_open(const struct stream *stream);

/* The bytes moved; 0: the end; -EAGAIN: nothing now. Never raises SIGPIPE. */
ssize_t stream_read(struct stream *stream, void *data, size_t size);
ssize_t stream_write(struct stream *stream, const void *data, size_t size);
/* fn is called from the loop, once, when to try again is of use. */
void stream_wait(struct stream *stream);
/* In place of that: fn is called, once, when nobody reads the output any more, as far as the kernel
 * tells: of pipes, sockets and terminals. It may be called for nothing. */
void stream_wait_for_end(struct stream *stream);
/* Nobody reads the output any more. */
bool stream_is_broken(const struct stream *stream);
