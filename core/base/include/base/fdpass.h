/* Bytes and file descriptors over Unix sockets (SCM_RIGHTS). */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* The most descriptors that one message of ours carries: an agent's order to its spawner. */
#define FDPASS_MAX 16

/*
 * Sends size bytes and n_fds borrowed descriptors as one message, without waiting.
 * Returns the bytes taken, or -EAGAIN, -EPIPE, ...; never raises SIGPIPE.
 */
ssize_t fdpass_send(int socket, const void *data, size_t size, const int *fds, size_t n_fds);

/*
 * Receives at most size bytes and max_fds descriptors (close-on-exec), without waiting.
 * ret_fds[0..*ret_n_fds) are the caller's; descriptors beyond max_fds are closed.
 * ret_pid, if not NULL, is the sender's process id as seen from here; the socket must
 * have SO_PASSCRED, else it is 0. Returns the bytes, 0 at the end, or a negative errno
 * (-EMSGSIZE: a datagram longer than size; nothing of it is kept).
 */
ssize_t fdpass_receive(int socket, void *data, size_t size, int *ret_fds, size_t max_fds,
                       size_t *ret_n_fds, pid_t *ret_pid);
