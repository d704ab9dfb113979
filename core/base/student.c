/* Pipes for the student's command. */
#include "base/student.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int student_pipe(int ours, int size, int *ret_ours, int *ret_theirs)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    fcntl(fds[ours], F_SETFL, O_NONBLOCK);
    /* Best effort: an ordinary user may have used up what the kernel allows him. */
    if (size > 0)
        fcntl(fds[ours], F_SETPIPE_SZ, size);
    /*
     * Else the student could not open it again: it is not root. EINVAL: the user namespace has no
     * such user, since its root is somebody ordinary; the pipe is his outside.
     */
    if (geteuid() == 0 && fchown(fds[0], STUDENT_ID, STUDENT_ID) < 0 && errno != EINVAL) {
        int error = -errno;
        close(fds[0]);
        close(fds[1]);
        return error;
    }
    *ret_ours = fds[ours];
    *ret_theirs = fds[!ours];
    return 0;
}
