/* The embedded agent, as the daemon's child. */
#include "agent_process.h"

#include "base/cleanup.h"
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

/* From start to bound socket: an exec and a few system calls, on a machine that is busy. */
#define READY_TIMEOUT_MS 30000
/* From SIGTERM to its end: it kills its sandboxes and removes their cgroups. */
#define END_TIMEOUT_MS 10000
/* Past as many starts as there are places in `starts`, one waits until the oldest is this old. */
#define RESTART_WINDOW_NS (60 * NS_PER_S)
#define STARTS_MAX        (sizeof(((struct agent_process *)0)->starts) / sizeof(uint64_t))

#define READY_FD 3 /* in the agent */
#define LOG_MAX  4096

extern char **environ;

/* Beside this program, as built; else where `make install` puts it. */
static int find_program(const struct options *options, char path[PATH_MAX])
{
    static const char *const places[] = {"studentfs-agent", "../sbin/studentfs-agent"};
    if (options->agent)
        return snprintf(path, PATH_MAX, "%s", options->agent) < PATH_MAX ? 0 : -ENAMETOOLONG;
    return process_find_program(places, sizeof(places) / sizeof(places[0]), path, PATH_MAX);
}

/* Everything blocked or ignored here is the daemon's business, not the agent's. */
static void reset_signals(posix_spawnattr_t *attributes)
{
    sigset_t none, ours;
    sigemptyset(&none);
    sigemptyset(&ours);
    sigaddset(&ours, SIGPIPE);
    posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(attributes, &none);
    posix_spawnattr_setsigdefault(attributes, &ours);
}

/*
 * Its standard error is a pipe to us and not our own: the daemon leaves that when it goes to
 * the background, and whoever waits for the end of what studentfs says would wait for the
 * agent's end.
 */
static void pass_on_log(struct agent_process *agent)
{
    char text[LOG_MAX];
    ssize_t n = read(agent->log, text, sizeof(text));
    if (n > 0 && write(STDERR_FILENO, text, (size_t)n) < 0)
        return; /* nobody is there to be told */
    if (n == 0) {
        watch_remove(&agent->log_watch);
        fd_clear(&agent->log);
    }
}

static void on_log(struct watch *watch, uint32_t events)
{
    (void)events;
    pass_on_log(container_of(watch, struct agent_process, log_watch));
}

static void close_log(struct agent_process *agent)
{
    if (agent->log < 0)
        return;
    pass_on_log(agent); /* its last words */
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

static int spawn(struct agent_process *agent, int ready_fd, int log_fd)
{
    char path[PATH_MAX], number[16];
    const char *arguments[16 + OPTION_WORDS_MAX] = {
        "studentfs-agent",    "--sockets",         agent->sockets, "--task",
        agent->options->task, "--die-with-parent", "--ready-fd",   number};
    unsigned n = 0;
    while (arguments[n])
        n++;
    int r = find_program(agent->options, path);
    if (r < 0)
        return r;
    snprintf(number, sizeof(number), "%d", READY_FD);
    options_for_agent(agent->options, arguments + n,
                      (unsigned)(sizeof(arguments) / sizeof(arguments[0])) - n - 1);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, log_fd, STDERR_FILENO);
    posix_spawn_file_actions_adddup2(&actions, ready_fd, READY_FD);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDOUT_FILENO);
    posix_spawnattr_init(&attributes);
    reset_signals(&attributes);
    /* posix_spawn() does not write to the arguments. */
    r = -posix_spawn(&agent->pid, path, &actions, &attributes, (char *const *)(uintptr_t)arguments,
                     environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return r;
}

static void describe_end(const siginfo_t *info, char *ret_text, size_t size)
{
    if (info->si_code == CLD_EXITED)
        snprintf(ret_text, size, "the agent ended with exit code %d", info->si_status);
    else
        snprintf(ret_text, size, "the agent was killed by signal %d", info->si_status);
}

static void reap(struct agent_process *agent, siginfo_t *ret_info)
{
    *ret_info = (siginfo_t){0};
    waitid(P_PIDFD, (id_t)agent->pidfd, ret_info, WEXITED);
    close_log(agent);
    watch_remove(&agent->watch);
    fd_clear(&agent->pidfd);
}

static void start_later(struct agent_process *agent);

static void on_exit_of_agent(struct watch *watch, uint32_t events)
{
    (void)events;
    struct agent_process *agent = container_of(watch, struct agent_process, watch);
    siginfo_t info;
    char reason[96];
    reap(agent, &info);
    describe_end(&info, reason, sizeof(reason));
    agent->died(agent, reason);
    start_later(agent);
}

/* Starts it; ret_ready_fd becomes readable when it is ready, or at its end. */
static int start(struct agent_process *agent, int *ret_ready_fd)
{
    int ready[2];
    agent->starts[agent->n_starts++ % STARTS_MAX] = monotonic_ns();
    if (pipe2(ready, O_CLOEXEC) < 0)
        return -errno;
    int log = open_log(agent);
    int r = log < 0 ? log : spawn(agent, ready[1], log);
    close(ready[1]);
    fd_clear(&log);
    if (r == 0) {
        agent->pidfd = pidfd_open(agent->pid, 0);
        r = agent->pidfd < 0 ? -errno : 0;
    }
    if (r == 0)
        r = watch_add(agent->loop, &agent->watch, agent->pidfd, EPOLLIN, on_exit_of_agent);
    if (r < 0) {
        close(ready[0]);
        close_log(agent);
        return r;
    }
    *ret_ready_fd = ready[0];
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

static int wait_until_ready(struct agent_process *agent, int ready_fd)
{
    struct pollfd fd = {.fd = ready_fd, .events = POLLIN};
    char byte;
    if (poll(&fd, 1, READY_TIMEOUT_MS) == 0)
        return -ETIMEDOUT;
    if (read(ready_fd, &byte, 1) == 1)
        return 0;
    siginfo_t info;
    reap(agent, &info);
    return -ECHILD;
}

int agent_process_init(struct agent_process *agent, struct loop *loop,
                       const struct options *options, const char *sockets, agent_process_fn *died)
{
    *agent = (struct agent_process){
        .loop = loop, .options = options, .sockets = sockets, .died = died, .pidfd = -1, .log = -1};
    _cleanup_close_ int ready = -1;
    int r = timer_init(loop, &agent->again, on_again);
    if (r == 0)
        r = start(agent, &ready);
    if (r == 0)
        r = wait_until_ready(agent, ready);
    if (r < 0)
        agent_process_deinit(agent);
    return r;
}

void agent_process_deinit(struct agent_process *agent)
{
    timer_deinit(&agent->again);
    if (!agent->loop || agent->pidfd < 0)
        return;
    struct pollfd fd = {.fd = agent->pidfd, .events = POLLIN};
    siginfo_t info;
    pidfd_send_signal(agent->pidfd, SIGTERM, NULL, 0);
    if (poll(&fd, 1, END_TIMEOUT_MS) == 0)
        pidfd_send_signal(agent->pidfd, SIGKILL, NULL, 0);
    reap(agent, &info);
}
