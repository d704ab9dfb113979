/*
 * Cleanup by attribute: a variable starts from a null value and is released when it
 * goes out of scope, unless it was stolen for the caller.
 */
#pragma once

#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static inline void cleanup_free(void *pointer)
{
    free(*(void **)pointer);
}

#define _cleanup_close_ __attribute__((cleanup(cleanup_close)))
#define _cleanup_free_  __attribute__((cleanup(cleanup_free)))

/* Takes the descriptor out of *fd, which is -1 afterwards. */
static inline int fd_steal(int *fd)
{
    int stolen = *fd;
    *fd = -1;
    return stolen;
}

/* Closes *fd if it is open and leaves -1 there. */
static inline void fd_clear(int *fd)
{
    cleanup_close(fd);
    *fd = -1;
}
