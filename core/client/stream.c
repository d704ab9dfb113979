/* A descriptor of the caller's, used without waiting. */
#include "stream.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* What a pipe or terminal that is ready for writing takes without waiting: POSIX's PIPE_BUF. */
#define READY_MAX 512

/* --- what it is --- */

static int open_again(int fd, bool is_output)
{
    char path[32];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, (is_output ? O_WRONLY : O_RDONLY) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

/* A pipe's other end would be opened as this one: what was refused goes on being refused. */
static bool is_refused(int flags, bool is_output)
{
    return (flags & O_ACCMODE) == (is_output ? O_RDONLY : O_WRONLY);
}

static enum stream_kind find_kind(int *fd, bool is_output)
{
    struct stat status;
    int flags = fcntl(*fd, F_GETFL);
    if (flags < 0 || fstat(*fd, &status) < 0)
        return STREAM_PLAIN;
    if (S_ISSOCK(status.st_mode))
        return STREAM_SOCKET;
    if ((flags & O_NONBLOCK) || is_refused(flags, is_output))
        return STREAM_PLAIN;
    if (!S_ISFIFO(status.st_mode) && !isatty(*fd))
        return S_ISCHR(status.st_mode) ? STREAM_SHARED : STREAM_PLAIN;
    int again = open_again(*fd, is_output);
    if (again < 0) /* denied, or nobody reads the pipe, which writing tells */
        return STREAM_SHARED;
    close(*fd);
    *fd = again;
    return STREAM_PLAIN;
}

static void on_again(struct deferred *deferred)
{
    struct stream *stream = container_of(deferred, struct stream, again);
    stream->fn(stream);
}

void stream_open(struct stream *stream, struct loop *loop, int fd, bool is_output, stream_fn *fn)
{
    *stream = (struct stream){.loop = loop, .is_output = is_output, .fn = fn};
    deferred_init(&stream->again, on_again);
    stream->kind = find_kind(&fd, is_output);
    stream->fd = fd;
}

void stream_close(struct stream *stream)
{
    if (!stream->loop)
        return;
    watch_remove(&stream->watch);
    deferred_cancel(&stream->again);
    fd_clear(&stream->fd);
    stream->loop = NULL;
}

bool stream_is_open(const struct stream *stream)
{
    return stream->loop != NULL;
}

/* --- waiting --- */

static void on_ready(struct watch *watch, uint32_t events)
{
    (void)events;
    struct stream *stream = container_of(watch, struct stream, watch);
    stream->fn(stream);
}

/* One shot: a pipe's broken end is told again and again otherwise, while nothing is wanted. */
static int watch_once(struct stream *stream, uint32_t events)
{
    events |= EPOLLONESHOT;
    return stream->watch.loop
               ? watch_change(&stream->watch, events)
               : watch_add(stream->loop, &stream->watch, stream->fd, events, on_ready);
}

void stream_wait(struct stream *stream)
{
    if (watch_once(stream, stream->is_output ? EPOLLOUT : EPOLLIN) < 0)
        deferred_schedule(stream->loop, &stream->again);
}

/* What epoll refuses has no reader who could go. */
void stream_wait_for_end(struct stream *stream)
{
    watch_once(stream, 0); /* EPOLLERR and EPOLLHUP come unasked */
}

bool stream_is_broken(const struct stream *stream)
{
    struct pollfd entry = {.fd = stream->fd};
    if (poll(&entry, 1, 0) <= 0)
        return false;
    /* A pseudoterminal's master hangs up while nobody has the other side open, and takes bytes. */
    return entry.revents & (stream->kind == STREAM_SOCKET ? POLLERR | POLLHUP : POLLERR);
}

/* --- bytes --- */

static bool is_ready(const struct stream *stream)
{
    struct pollfd entry = {.fd = stream->fd, .events = stream->is_output ? POLLOUT : POLLIN};
    return poll(&entry, 1, 0) > 0;
}

static ssize_t result_of(ssize_t n)
{
    if (n >= 0)
        return n;
    return errno == EINTR || errno == EWOULDBLOCK ? -EAGAIN : -errno;
}

/* RWF_NOWAIT does for pipes since Linux 6.5. Reading what is ready gives what there is. */
static ssize_t read_shared(struct stream *stream, void *data, size_t size)
{
    struct iovec whole = {data, size};
    ssize_t n = preadv2(stream->fd, &whole, 1, -1, RWF_NOWAIT);
    if (n >= 0 || errno != EOPNOTSUPP)
        return result_of(n);
    return is_ready(stream) ? result_of(read(stream->fd, data, size)) : -EAGAIN;
}

static ssize_t write_shared(struct stream *stream, const void *data, size_t size)
{
    struct iovec whole = {(void *)(uintptr_t)data, size};
    ssize_t n = pwritev2(stream->fd, &whole, 1, -1, RWF_NOWAIT);
    if (n >= 0 || errno != EOPNOTSUPP)
        return result_of(n);
    if (!is_ready(stream))
        return -EAGAIN;
    return result_of(write(stream->fd, data, size < READY_MAX ? size : READY_MAX));
}

ssize_t stream_read(struct stream *stream, void *data, size_t size)
{
    if (stream->kind == STREAM_SHARED)
        return read_shared(stream, data, size);
    if (stream->kind == STREAM_SOCKET)
        return result_of(recv(stream->fd, data, size, MSG_DONTWAIT));
    return result_of(read(stream->fd, data, size));
}

static ssize_t write_now(struct stream *stream, const void *data, size_t size)
{
    if (stream->kind == STREAM_SHARED)
        return write_shared(stream, data, size);
    if (stream->kind == STREAM_SOCKET)
        return result_of(send(stream->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL));
    return result_of(write(stream->fd, data, size));
}

/* The caller may leave SIGPIPE as it is by default. It comes to the thread that wrote. */
ssize_t stream_write(struct stream *stream, const void *data, size_t size)
{
    sigset_t broken, before, pending;
    sigemptyset(&broken);
    sigaddset(&broken, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &broken, &before);
    ssize_t n = write_now(stream, data, size);
    if (n == -EPIPE && !sigismember(&pending, SIGPIPE))
        sigtimedwait(&broken, NULL, &(struct timespec){0});
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return n;
}
