/* The embedded agent, as the daemon's child. */
#include "agent_process.h"

#include "base/cleanup.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* Past as many starts as there are places in `starts`, one waits until the oldest is this old. */
#define RESTART_WINDOW_NS (60 * NS_PER_S)
#define STARTS_MAX        (sizeof(((struct agent_process *)0)->starts) / sizeof(uint64_t))

/* Whole lines; of one that is longer than the buffer, or the very last, what there is. */
static void pass_on_lines(struct agent_process *agent, bool is_last)
{
    char *text = agent->log_text, *rest = text;
    text[agent->log_size] = 0;
    for (char *end; (end = strchr(rest, '\n')); rest = end + 1) {
        *end = 0;
        log_pass_on("studentfs-agent", rest);
    }
    bool is_full = rest == text && agent->log_size + 1 == sizeof(agent->log_text);
    if (is_full || is_last) {
        log_pass_on("studentfs-agent", rest);
        rest = text + agent->log_size;
    }
    agent->log_size -= (size_t)(rest - text);
    memmove(text, rest, agent->log_size);
}

/*
 * Its standard error is a pipe to us and not our own: the daemon leaves that when it goes to
 * the background, and whoever waits for the end of what studentfs says would wait for the
 * agent's end. Returns whether there may be more.
 */
static bool pass_on_log(struct agent_process *agent)
{
    ssize_t n = read(agent->log, agent->log_text + agent->log_size,
                     sizeof(agent->log_text) - 1 - agent->log_size);
    if (n > 0)
        agent->log_size += (size_t)n;
    if (n >= 0)
        pass_on_lines(agent, n == 0);
    if (n == 0) {
        watch_remove(&agent->log_watch);
        fd_clear(&agent->log);
    }
    return n > 0;
}

static void on_log(struct watch *watch, uint32_t events)
{
    (void)events;
    pass_on_log(container_of(watch, struct agent_process, log_watch));
}

static void close_log(struct agent_process *agent)
{
    while (agent->log >= 0 && pass_on_log(agent)) /* its last words */
        ;
    if (agent->log < 0)
        return;
    pass_on_lines(agent, true);
    watch_remove(&agent->log_watch);
    fd_clear(&agent->log);
}

/* Returns the end that the agent writes to. */
static int open_log(struct agent_process *agent)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    int r = watch_add(agent->loop, &agent->log_watch, ends[0], EPOLLIN, on_log);
    if (r < 0) {
        close(ends[0]);
        close(ends[1]);
        return r;
    }
    agent->log = ends[0];
    return ends[1];
}

static int spawn(struct agent_process *agent, int log, int *ret_ready)
{
    const char *arguments[OPTION_WORDS_MAX + 2];
    unsigned n = options_for_agent(agent->options, arguments, OPTION_WORDS_MAX);
    arguments[n++] = "--journal"; /* so that its levels reach our log */
    arguments[n] = NULL;
    const struct agent_child_plan plan = {.program = agent->options->agent,
                                          .sockets = agent->sockets,
                                          .task = agent->options->task,
                                          .arguments = arguments,
                                          .log = log};
    return agent_child_start(&plan, &agent->child, ret_ready);
}

static void start_later(struct agent_process *agent);

static void on_exit_of_agent(struct watch *watch, uint32_t events)
{
    (void)events;
    struct agent_process *agent = container_of(watch, struct agent_process, watch);
    char reason[96];
    close_log(agent);
    watch_remove(&agent->watch);
    agent_child_reap(&agent->child, reason, sizeof(reason));
    agent->died(agent, reason);
    start_later(agent);
}

/* Starts it; ret_ready_fd becomes readable when it is ready, or at its end. */
static int start(struct agent_process *agent, int *ret_ready_fd)
{
    agent->starts[agent->n_starts++ % STARTS_MAX] = monotonic_ns();
    _cleanup_close_ int ready = -1, log = open_log(agent);
    int r = log < 0 ? log : spawn(agent, log, &ready);
    if (r == 0)
        r = watch_add(agent->loop, &agent->watch, agent->child.pidfd, EPOLLIN, on_exit_of_agent);
    if (r < 0) {
        close_log(agent);
        return r;
    }
    *ret_ready_fd = fd_steal(&ready);
    return 0;
}

static void on_again(struct timer *timer)
{
    struct agent_process *agent = container_of(timer, struct agent_process, again);
    _cleanup_close_ int ready = -1;
    /* Runs that are asked for before it is ready wait in their ZeroMQ sockets. */
    if (start(agent, &ready) < 0)
        start_later(agent);
}

static void start_later(struct agent_process *agent)
{
    uint64_t oldest =
        agent->n_starts < STARTS_MAX ? 0 : agent->starts[agent->n_starts % STARTS_MAX];
    uint64_t allowed = oldest ? oldest + RESTART_WINDOW_NS : 0, now = monotonic_ns();
    timer_arm(&agent->again, allowed > now ? allowed - now : 0);
}

int agent_process_init(struct agent_process *agent, struct loop *loop,
                       const struct options *options, const char *sockets, agent_process_fn *died)
{
    *agent = (struct agent_process){.loop = loop,
                                    .options = options,
                                    .sockets = sockets,
                                    .died = died,
                                    .child = {.pidfd = -1},
                                    .log = -1};
    _cleanup_close_ int ready = -1;
    int r = timer_init(loop, &agent->again, on_again);
    if (r == 0)
        r = start(agent, &ready);
    if (r == 0)
        r = agent_child_wait_ready(&agent->child, ready);
    if (r == 0)
        pass_on_log(agent); /* what it cannot enforce, while there is somebody to read it */
    if (r < 0)
        agent_process_deinit(agent);
    return r;
}

void agent_process_deinit(struct agent_process *agent)
{
    timer_deinit(&agent->again);
    if (!agent->loop)
        return;
    watch_remove(&agent->watch);
    agent_child_end(&agent->child);
    close_log(agent); /* its last words are in it */
}
