/* An agent of the caller's own. */
#include "base/cleanup.h"
#include "embedded/agent_child.h"
#include "embedded/runtime_dir.h"
#include "studentrun.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 400 /* of what it said, for a person */

struct studentrun_agent {
    struct runtime_dir dir;
    struct agent_child child;
    int log[2]; /* what it says: the reading end, and the writing end while it starts */
};

/* Its last line tells why it gave up. */
static void describe_failure(int error, int log, char *ret_reason, size_t size)
{
    char text[WORDS_MAX + 1];
    ssize_t n = log < 0 ? 0 : read(log, text, WORDS_MAX);
    text[n > 0 ? n : 0] = 0;
    while (n > 0 && text[n - 1] == '\n')
        text[--n] = 0;
    const char *last = strrchr(text, '\n');
    last = last ? last + 1 : text;
    if (*last)
        snprintf(ret_reason, size, "%s", last);
    else
        snprintf(ret_reason, size, "cannot start studentfs-agent: %s", strerror(-error));
}

/*
 * What it logs is for nobody while it works: its pipe keeps the first 64 KiB and takes no more,
 * but never makes it wait.
 */
static int start(struct studentrun_agent *agent, const struct studentrun_agent_options *options)
{
    _cleanup_close_ int ready = -1;
    if (pipe2(agent->log, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    const struct agent_child_plan plan = {.program = options->program,
                                          .sockets = agent->dir.sockets,
                                          .task = options->task_dir ? options->task_dir : ".",
                                          .arguments = options->arguments,
                                          .log = agent->log[1]};
    int r = agent_child_start(&plan, &agent->child, &ready);
    fd_clear(&agent->log[1]);
    return r < 0 ? r : agent_child_wait_ready(&agent->child, ready);
}

int studentrun_agent_new(const struct studentrun_agent_options *options,
                         struct studentrun_agent **ret_agent, char *ret_reason, size_t size)
{
    static const struct studentrun_agent_options defaults = {0};
    struct studentrun_agent *agent = calloc(1, sizeof(*agent));
    if (!agent) {
        snprintf(ret_reason, size, "%s", strerror(ENOMEM));
        return -ENOMEM;
    }
    *agent = (struct studentrun_agent){.child = {.pidfd = -1}, .log = {-1, -1}};
    int r = runtime_dir_init_once(&agent->dir);
    if (r < 0) {
        snprintf(ret_reason, size,
                 "cannot make a private directory in $XDG_RUNTIME_DIR, /run, /tmp or /dev/shm: %s",
                 strerror(-r));
    } else {
        r = start(agent, options ? options : &defaults);
        if (r < 0)
            describe_failure(r, agent->log[0], ret_reason, size);
    }
    if (r < 0) {
        studentrun_agent_free(agent);
        return r;
    }
    *ret_agent = agent;
    return 0;
}

void studentrun_agent_free(struct studentrun_agent *agent)
{
    if (!agent)
        return;
    agent_child_end(&agent->child);
    fd_clear(&agent->log[0]);
    fd_clear(&agent->log[1]);
    runtime_dir_deinit(&agent->dir);
    free(agent);
}

const char *studentrun_agent_sockets(const struct studentrun_agent *agent)
{
    return agent->dir.sockets;
}

int studentrun_agent_fd(const struct studentrun_agent *agent)
{
    return agent->child.pidfd;
}
