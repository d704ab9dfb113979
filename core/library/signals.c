/* The pipe of signals. */
#include "signals.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>

#define SIGNAL_LAST 64 /* the kernel's _NSIG */

int signals_open(struct studentrun_signals *signals)
{
    return pipe2(signals->ends, O_CLOEXEC | O_NONBLOCK) < 0 ? -errno : 0;
}

void signals_close(struct studentrun_signals *signals)
{
    fd_clear(&signals->ends[0]);
    fd_clear(&signals->ends[1]);
}

int signals_next(const struct studentrun_signals *signals)
{
    unsigned char number;
    return read(signals->ends[0], &number, 1) == 1 ? number : 0;
}

int studentrun_signals_send(struct studentrun_signals *signals, int signal)
{
    const unsigned char number = (unsigned char)signal;
    int before = errno; /* a handler's caller may be about to look at it */
    if (signal < 1 || signal > SIGNAL_LAST)
        return -EINVAL;
    int r = write(signals->ends[1], &number, 1) == 1 ? 0 : -errno;
    errno = before;
    return r;
}
