/* What is asked of the router: checked, kept, sent. */
#include "run_inside.h"
#include "text.h"

#include "base/number.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Whoever has a directory has all that is below and above it: no sandbox would hold. */
static int check_fds(const int fds[HANDOVER_FDS])
{
    for (int i = 0; i < HANDOVER_FDS; i++) {
        struct stat st;
        if (fds[i] < 0)
            continue;
        if (fstat(fds[i], &st) < 0)
            return -errno;
        if (S_ISDIR(st.st_mode))
            return -EISDIR;
    }
    return 0;
}

int run_request_check(const struct studentrun_request *request)
{
    const char *const texts[] = {request->environment, request->teardown_script,
                                 request->working_dir};
    const char *command = request->command ? request->command : "";
    int r = studentrun_command_check(command, strlen(command));
    if (r == -EINVAL && request->ssh && command[strspn(command, " \t\r\n")] == 0)
        r = 0;        /* the session alone */
    if (r == -EAGAIN) /* a quote is open: nothing more can follow here */
        r = -EINVAL;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && r == 0; i++)
        r = text_check(texts[i]);
    return r < 0 ? r : check_fds(request->fds);
}

int run_request_copy(struct studentrun *run, const struct studentrun_request *request)
{
    run->command = strdup(request->command ? request->command : "");
    run->teardown_script = strdup(request->teardown_script ? request->teardown_script : "");
    run->working_dir = strdup(request->working_dir ? request->working_dir : "/task");
    if (!request->ssh) /* which waits for somebody first */
        run->wall_ms = request->hard_time_limit_usec > 0
                           ? request->hard_time_limit_usec / 1000 + 1
                           : UINT64_C(1000) * request->hard_time_limit;
    run->user = request->run_as_root ? USER_ROOT : "worker";
    return run->command && run->teardown_script && run->working_dir ? 0 : -ENOMEM;
}

/* Whole seconds, which every agent takes; a fraction goes beside them. */
static int64_t round_up_to_seconds(uint32_t seconds, uint64_t usec)
{
    uint64_t up = usec / NUMBER_USEC_PER_S + (usec % NUMBER_USEC_PER_S > 0);
    return usec > 0 ? (int64_t)up : seconds;
}

static int64_t usec_of_fraction(uint64_t usec)
{
    return usec % NUMBER_USEC_PER_S > 0 && usec <= INT64_MAX ? (int64_t)usec : 0;
}

int run_request_send(struct studentrun *run, const struct studentrun_request *request)
{
    const struct message message = {
        .type = MESSAGE_RUN_STUDENT,
        .run_student = {
            .environment = text_of(request->environment),
            .time_limit = round_up_to_seconds(request->time_limit, request->time_limit_usec),
            .hard_time_limit =
                round_up_to_seconds(request->hard_time_limit, request->hard_time_limit_usec),
            .time_limit_usec = usec_of_fraction(request->time_limit_usec),
            .hard_time_limit_usec = usec_of_fraction(request->hard_time_limit_usec),
            .memory_limit = request->memory_limit,
            .share_network = request->share_network,
            .socket_id = text_of(init_link_id(&run->init)),
            .ssh = request->ssh,
            .run_as_root = request->run_as_root,
            .receives_freely = true}};
    return engine_send(&run->router, &message);
}
