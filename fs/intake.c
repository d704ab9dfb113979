/* Reading much from a pipe: see intake.h. */
#include "intake.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

#define INTAKE_SIZE (1 << 20)
/* Less is read in one go: moving it first would cost more than it saves. */
#define SMALL ((size_t)64 << 10)

/* One for the process: between two calls it is empty. */
static int ends[2] = {-1, -1};

static bool open_intake(void)
{
    if (ends[0] >= 0)
        return true;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return false;
    fcntl(ends[1], F_SETPIPE_SZ, INTAKE_SIZE); /* best effort: with less, less is moved at a time */
    return true;
}

/* With what cannot be read in it: a page of a file's, by splice(), that its disk does not give. */
static void close_intake(void)
{
    fd_clear(&ends[0]);
    fd_clear(&ends[1]);
}

static ssize_t read_all(char *buffer, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = read(ends[0], buffer + done, size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            close_intake();
            return n < 0 ? -errno : -EIO;
        }
        done += (size_t)n;
    }
    return (ssize_t)done;
}

ssize_t intake_read(int pipe, char *buffer, size_t size)
{
    size_t first = size < SMALL ? size : SMALL;
    ssize_t n = read(pipe, buffer, first);
    if (n < 0)
        return -errno;
    if ((size_t)n < SMALL || size == SMALL || !open_intake())
        return n;
    ssize_t moved = splice(pipe, NULL, ends[1], NULL, size - first, SPLICE_F_NONBLOCK);
    if (moved <= 0)
        return n; /* nothing is there any more */
    moved = read_all(buffer + first, (size_t)moved);
    return moved < 0 ? moved : n + moved;
}
