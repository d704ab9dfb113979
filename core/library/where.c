/* Router, agent and working directory of a call. */
#include "where.h"

#include "base/cleanup.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GRADING_CONTAINER "/sockets"

const char *where_router(const struct studentrun_call *call)
{
    if (call->options.sockets_dir)
        return call->options.sockets_dir;
    bool is_there = !call->agent.program && access(GRADING_CONTAINER "/main.sock", F_OK) == 0;
    return is_there ? GRADING_CONTAINER : NULL;
}

int where_new_agent(const struct studentrun_agent_options *options,
                    struct studentrun_agent **ret_agent, char *ret_reason, size_t size)
{
    /* No sandbox is prepared for a second run: there is none. */
    static const char *const first[] = {"--pool", "0"};
    enum { N_FIRST = sizeof(first) / sizeof(first[0]) };
    size_t n = 0;
    while (options->arguments && options->arguments[n])
        n++;
    _cleanup_free_ const char **arguments = calloc(N_FIRST + n + 1, sizeof(*arguments));
    if (!arguments) {
        snprintf(ret_reason, size, "%s", strerror(ENOMEM));
        return -ENOMEM;
    }
    memcpy(arguments, first, sizeof(first));
    if (n > 0)
        memcpy(arguments + N_FIRST, options->arguments, n * sizeof(*arguments));
    struct studentrun_agent_options ours = *options;
    ours.arguments = arguments;
    return studentrun_agent_new(&ours, ret_agent, ret_reason, size);
}

/* In a grading container the student's directories have the same names as the grader's. */
char *where_student(const struct studentrun_call *call)
{
    static const char outside[] = "/task", inside[] = "/student";
    char here[PATH_MAX], *path;
    _cleanup_free_ char *task = realpath(call->agent.task_dir ? call->agent.task_dir : ".", NULL);
    if (!getcwd(here, sizeof(here)))
        return strdup(outside);
    if (where_router(call) && !call->agent.task_dir)
        return strdup(here);
    size_t n = task ? strlen(task) : 0, m = sizeof(inside) - 1;
    const char *rest = here + n;
    /* Of the task directory the student sees nothing else. */
    if (!task || strncmp(here, task, n) != 0 || strncmp(rest, inside, m) != 0 ||
        (rest[m] != 0 && rest[m] != '/'))
        return strdup(outside);
    return asprintf(&path, "%s%s", outside, rest) < 0 ? NULL : path;
}
