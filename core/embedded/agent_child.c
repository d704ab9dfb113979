/* The embedded agent's process. */
#include "embedded/agent_child.h"

#include "base/cleanup.h"
#include "base/loop.h"
#include "base/process.h"

#include <dlfcn.h>
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

#define READY_FD 3 /* in the agent */

extern char **environ;

/* --- which program --- */

/* Relative to a program's or a library's directory, as built and as installed. */
static const char *const places[] = {"studentfs-agent", "../bin/studentfs-agent",
                                     "../sbin/studentfs-agent", "../../sbin/studentfs-agent"};
#define PLACES (sizeof(places) / sizeof(places[0]))

/* Beside the library that this code is in, whatever program has loaded it. */
static int find_beside_library(char path[PATH_MAX])
{
    Dl_info info;
    if (!dladdr(places, &info) || !info.dli_fname)
        return -ENOENT;
    _cleanup_free_ char *file = realpath(info.dli_fname, NULL);
    if (!file)
        return -errno;
    *strrchr(file, '/') = 0;
    for (size_t i = 0; i < PLACES; i++)
        if (snprintf(path, PATH_MAX, "%s/%s", file, places[i]) < PATH_MAX &&
            access(path, X_OK) == 0)
            return 0;
    return -ENOENT;
}

int agent_child_find(const char *program, char ret_path[PATH_MAX])
{
    char *path = ret_path;
    if (program)
        return snprintf(path, PATH_MAX, "%s", program) < PATH_MAX ? 0 : -ENAMETOOLONG;
    if (process_find_program(places, PLACES, path, PATH_MAX) == 0 || find_beside_library(path) == 0)
        return 0;
    snprintf(path, PATH_MAX, "%s", STUDENTFS_AGENT);
    return access(path, X_OK) < 0 ? -errno : 0;
}

/* --- its start --- */

/* Everything blocked, ignored or caught here is this program's business, not the agent's. */
static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(attributes);
    posix_spawnattr_setsigmask(attributes, &none);
    posix_spawnattr_setsigdefault(attributes, &all);
    return -posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                     POSIX_SPAWN_SETSID);
}

static void set_descriptors(posix_spawn_file_actions_t *actions, int log, int ready)
{
    posix_spawn_file_actions_init(actions);
    posix_spawn_file_actions_adddup2(actions, log, STDERR_FILENO);
    posix_spawn_file_actions_adddup2(actions, ready, READY_FD);
    posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(actions, STDIN_FILENO, STDOUT_FILENO);
    /* Not all of a caller's descriptors are close-on-exec. */
    posix_spawn_file_actions_addclosefrom_np(actions, READY_FD + 1);
}

/* One block of words that are not copied. */
static const char **make_words(const struct agent_child_plan *plan)
{
    static const char ready[] = {'0' + READY_FD, 0};
    const char *const ours[] = {"studentfs-agent", "--sockets",         plan->sockets, "--task",
                                plan->task,        "--die-with-parent", "--ready-fd",  ready};
    size_t n = sizeof(ours) / sizeof(ours[0]), n_more = 0;
    while (plan->arguments && plan->arguments[n_more])
        n_more++;
    const char **words = calloc(n + n_more + 1, sizeof(*words));
    if (!words)
        return NULL;
    memcpy(words, ours, sizeof(ours));
    if (n_more > 0)
        memcpy(words + n, plan->arguments, n_more * sizeof(*words));
    return words;
}

/* Descriptors that are to be moved may not lie where others are moved to. */
static int move_up(int fd)
{
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, READY_FD + 1);
    return moved < 0 ? -errno : moved;
}

static int spawn(const struct agent_child_plan *plan, int ready, pid_t *ret_pid)
{
    char path[PATH_MAX];
    int r = agent_child_find(plan->program, path);
    if (r < 0)
        return r;
    _cleanup_free_ const char **words = make_words(plan);
    if (!words)
        return -ENOMEM;
    _cleanup_close_ int log = move_up(plan->log), ready_above = move_up(ready);
    if (log < 0 || ready_above < 0)
        return log < 0 ? log : ready_above;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    set_descriptors(&actions, log, ready_above);
    r = set_attributes(&attributes);
    /* posix_spawn() does not write to the arguments. */
    if (r == 0)
        r = -posix_spawn(ret_pid, path, &actions, &attributes, (char *const *)(uintptr_t)words,
                         environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return r;
}

int agent_child_start(const struct agent_child_plan *plan, struct agent_child *ret_child,
                      int *ret_ready)
{
    int ready[2];
    struct agent_child child = {.pidfd = -1};
    if (pipe2(ready, O_CLOEXEC) < 0)
        return -errno;
    int r = spawn(plan, ready[1], &child.pid);
    close(ready[1]);
    if (r == 0) {
        child.pidfd = pidfd_open(child.pid, 0);
        r = child.pidfd < 0 ? -errno : 0;
        if (r < 0) { /* nobody could end it later */
            kill(child.pid, SIGKILL);
            waitpid(child.pid, NULL, 0);
        }
    }
    if (r < 0) {
        close(ready[0]);
        return r;
    }
    *ret_child = child;
    *ret_ready = ready[0];
    return 0;
}

/* --- its end --- */

static int wait_readable(int fd, int timeout_ms)
{
    uint64_t end = monotonic_ns() + (uint64_t)timeout_ms * NS_PER_MS;
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    for (;;) {
        uint64_t now = monotonic_ns();
        int n = now < end ? poll(&poll_fd, 1, (int)((end - now) / NS_PER_MS) + 1) : 0;
        if (n > 0)
            return 0;
        if (n == 0)
            return -ETIMEDOUT;
        if (errno != EINTR)
            return -errno;
    }
}

void agent_child_reap(struct agent_child *child, char *ret_text, size_t size)
{
    siginfo_t info = {0};
    while (waitid(P_PIDFD, (id_t)child->pidfd, &info, WEXITED) < 0 && errno == EINTR)
        ;
    fd_clear(&child->pidfd);
    if (size == 0)
        return;
    if (info.si_code == CLD_EXITED)
        snprintf(ret_text, size, "the agent ended with exit code %d", info.si_status);
    else
        snprintf(ret_text, size, "the agent was killed by signal %d", info.si_status);
}

int agent_child_wait_ready(struct agent_child *child, int ready)
{
    char byte;
    int r = wait_readable(ready, READY_TIMEOUT_MS);
    if (r < 0)
        return r;
    if (read(ready, &byte, 1) == 1)
        return 0;
    agent_child_reap(child, NULL, 0);
    return -ECHILD;
}

void agent_child_end(struct agent_child *child)
{
    if (child->pidfd < 0)
        return;
    pidfd_send_signal(child->pidfd, SIGTERM, NULL, 0);
    if (wait_readable(child->pidfd, END_TIMEOUT_MS) < 0)
        pidfd_send_signal(child->pidfd, SIGKILL, NULL, 0);
    agent_child_reap(child, NULL, 0);
}
