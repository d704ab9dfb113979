/*
 * Whether a run waits for its input, as far as the kernel tells.
 *
 * Looked at are the run's processes, in the /proc of its own sandbox: one of them, or one of
 * their threads, is inside read(), readv(), splice() or tee() of the pipe's other end. It
 * takes the right to trace them. What polls its input before it reads is not seen.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* init: the sandbox's process 1, by its number here. relay: the inode of the pipe that the run has
 * behind this one, in message mode; 0: it has this one. False also where it cannot be known. */
bool blocked_on_pipe(pid_t init, int pipe_fd, ino_t relay);
