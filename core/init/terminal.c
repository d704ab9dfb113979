/* A session's terminal or pipes. */
#include "terminal.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>

/* The other end comes by the master, whatever is at /dev/pts. */
static int open_terminal(struct session_streams *streams, const struct session_message *start)
{
    const struct winsize size = {start->rows, start->columns, start->width, start->height};
    int locked = 0;
    int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0)
        return -errno;
    streams->server[streams->n_server++] = master;
    if (ioctl(master, TIOCSPTLCK, &locked) < 0 || ioctl(master, TIOCSWINSZ, &size) < 0)
        return -errno;
    streams->program[0] = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (streams->program[0] < 0)
        return -errno;
    streams->program[1] = streams->program[2] = streams->program[0];
    return 0;
}

static int open_pipes(struct session_streams *streams)
{
    for (unsigned i = 0; i < SESSION_PIPES; i++) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0)
            return -errno;
        streams->program[i] = ends[i > 0];
        streams->server[streams->n_server++] = ends[i == 0];
    }
    return 0;
}

int session_streams_open(struct session_streams *streams, const struct session_message *start)
{
    *streams = (struct session_streams){.program = {-1, -1, -1}, .server = {-1, -1, -1}};
    int r = start->has_terminal ? open_terminal(streams, start) : open_pipes(streams);
    if (r < 0)
        session_streams_close(streams);
    return r;
}

void session_streams_close(struct session_streams *streams)
{
    if (streams->program[1] == streams->program[0])
        streams->program[1] = streams->program[2] = -1;
    for (int i = 0; i < HANDOVER_FDS; i++) {
        fd_clear(&streams->program[i]);
        fd_clear(&streams->server[i]);
    }
}
