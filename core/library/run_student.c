/* run_student(): descriptors in, return value out. */
#include "base/cleanup.h"
#include "call.h"

#include <errno.h>
#include <fcntl.h>

/* The engine takes what it is given; the caller's own stay. */
static int duplicate(const int fds[3], int ret_fds[3])
{
    for (int i = 0; i < 3; i++) {
        if (fds[i] < 0)
            continue;
        ret_fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
        if (ret_fds[i] < 0)
            return -errno;
    }
    return 0;
}

int run_student(const struct studentrun_request *request, const int fds[3],
                const struct studentrun_call *call, struct studentrun_result *ret_result)
{
    static const int own[3] = {0, 1, 2};
    int copies[3] = {-1, -1, -1};
    struct call going_on;
    int r = call_open(&going_on, call);
    if (r == 0)
        r = duplicate(fds ? fds : own, copies);
    if (r == 0)
        r = call_start(&going_on, request, copies);
    if (r < 0 && !going_on.run)
        for (int i = 0; i < 3; i++)
            fd_clear(&copies[i]);
    if (r == 0) {
        call_wait(&going_on);
        call_tell(&going_on, ret_result);
        r = going_on.result.retval;
    }
    call_close(&going_on);
    return r;
}
