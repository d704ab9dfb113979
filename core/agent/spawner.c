/* The spawner, both sides of its socket. */
#include "spawner.h"

#include "base/cleanup.h"
#include "base/fdpass.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define ARGUMENTS_MAX 256 /* words */

/* --- in the program to be --- */

static _Noreturn void give_up(const char *what)
{
    /* Standard error is the sandbox's log: the reason that the run ends with. */
    dprintf(STDERR_FILENO, "%s: %s\n", what, strerror(errno));
    _exit(127);
}

static void enter_groups(const int *entries, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (write(entries[i], "0", 1) < 0)
            give_up("cannot enter the control group");
}

/*
 * Above all that is open first, so that nothing is overwritten before it has been moved. A new
 * open file for the data, since a duplicate would share its position with the other sandboxes.
 */
static void place_fds(const int *fds, const int data[SPAWN_DATA_COUNT])
{
    int moved[2 + SPAWN_DATA_COUNT], low = 64;
    for (int i = 0; i < 2; i++)
        moved[i] = fcntl(fds[i], F_DUPFD, low);
    for (int i = 0; i < SPAWN_DATA_COUNT; i++) {
        char path[32];
        snprintf(path, sizeof(path), "/proc/self/fd/%d", data[i]);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        moved[2 + i] = fcntl(fd, F_DUPFD, low);
    }
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
        dup2(moved[0], SPAWN_CONTROL_FD) < 0)
        give_up("descriptors");
    for (int i = 0; i < SPAWN_DATA_COUNT; i++)
        if (dup2(moved[2 + i], SPAWN_DATA_FD(i)) < 0)
            give_up("descriptors");
    dup2(moved[1], STDERR_FILENO);
    close_range((unsigned)SPAWN_DATA_FD(SPAWN_DATA_COUNT), ~0u, 0);
}

static _Noreturn void become(char *arguments, size_t size, const int *fds, size_t n_fds,
                             const int data[SPAWN_DATA_COUNT])
{
    char *words[ARGUMENTS_MAX + 1];
    size_t n = 0;
    for (char *at = arguments; at < arguments + size && n < ARGUMENTS_MAX; at += strlen(at) + 1)
        words[n++] = at;
    words[n] = NULL;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    dup2(fds[1], STDERR_FILENO);
    enter_groups(fds + 2, n_fds - 2);
    place_fds(fds, data);
    execvp(words[0], words);
    give_up(words[0]);
}

/* --- in the spawner --- */

/* Like fork(), with a descriptor for the child from its first moment. */
static pid_t fork_with_pidfd(int *ret_pidfd)
{
    struct clone_args arguments = {
        .flags = CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)ret_pidfd, .exit_signal = SIGCHLD};
    return (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));
}

static void answer(int socket, int error, int pidfd)
{
    /* The agent reads; if it is gone, so are we at the next turn. */
    while (fdpass_send(socket, &error, sizeof(error), &pidfd, pidfd >= 0) == -EAGAIN) {
        struct pollfd writable = {.fd = socket, .events = POLLOUT};
        poll(&writable, 1, -1);
    }
}

static _Noreturn void serve(int socket, const int data[SPAWN_DATA_COUNT])
{
    static char arguments[SPAWN_ARGUMENTS_MAX];
    for (;;) {
        int fds[FDPASS_MAX], pidfd = -1;
        size_t n_fds;
        struct pollfd readable = {.fd = socket, .events = POLLIN};
        poll(&readable, 1, -1);
        ssize_t size =
            fdpass_receive(socket, arguments, sizeof(arguments), fds, FDPASS_MAX, &n_fds, NULL);
        if (size == -EAGAIN || size == -EINTR)
            continue;
        if (size <= 0)
            _exit(EXIT_SUCCESS);
        pid_t pid = n_fds >= 2 ? fork_with_pidfd(&pidfd) : -1;
        if (pid == 0)
            become(arguments, (size_t)size, fds, n_fds, data);
        answer(socket, pid < 0 ? errno : 0, pidfd);
        fd_clear(&pidfd);
        for (size_t i = 0; i < n_fds; i++)
            close(fds[i]);
    }
}

static int compare(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* Whoever waits for the end of what the agent was given must not wait for us. */
static void close_all_but(int socket, const int data[SPAWN_DATA_COUNT])
{
    int kept[1 + SPAWN_DATA_COUNT] = {socket};
    unsigned from = STDERR_FILENO + 1;
    memcpy(kept + 1, data, SPAWN_DATA_COUNT * sizeof(int));
    qsort(kept, 1 + SPAWN_DATA_COUNT, sizeof(int), compare);
    for (size_t i = 0; i < 1 + SPAWN_DATA_COUNT; i++) {
        unsigned fd = (unsigned)kept[i];
        if (fd > from)
            close_range(from, fd - 1, 0);
        from = fd + 1;
    }
    close_range(from, ~0u, 0);
}

static _Noreturn void spawner_main(int socket, const int data[SPAWN_DATA_COUNT])
{
    struct sigaction ignore = {.sa_handler = SIG_IGN, .sa_flags = SA_NOCLDWAIT};
    sigset_t all;
    sigfillset(&all);
    close_all_but(socket, data);
    /* The terminal's Ctrl-C is for the agent, which then ends us in its order. */
    sigprocmask(SIG_BLOCK, &all, NULL);
    sigaction(SIGCHLD, &ignore,
              NULL); /* nobody waits for the children: they are pidfds elsewhere */
    prctl(PR_SET_NAME, "agent-spawner");
    serve(socket, data);
}

/* --- in the agent --- */

int spawner_init(struct spawner *spawner, const int data[SPAWN_DATA_COUNT])
{
    int pair[2];
    *spawner = (struct spawner){.socket = -1, .pidfd = -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    pid_t pid = fork_with_pidfd(&spawner->pidfd);
    if (pid == 0) {
        close(pair[0]);
        spawner_main(pair[1], data);
    }
    int error = errno;
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return -error;
    }
    spawner->socket = pair[0];
    return 0;
}

static void on_answer(struct watch *watch, uint32_t events)
{
    (void)events;
    struct spawner *spawner = container_of(watch, struct spawner, watch);
    int error = 0, pidfd = -1;
    size_t n_fds = 0;
    ssize_t size = fdpass_receive(watch->fd, &error, sizeof(error), &pidfd, 1, &n_fds, NULL);
    if (size == -EAGAIN || size == -EINTR)
        return;
    if (size != sizeof(error)) {
        watch_remove(watch);
        spawner->fn(spawner, -ESRCH);
    } else {
        spawner->fn(spawner, n_fds == 1 ? pidfd : error ? -error : -EPROTO);
    }
}

int spawner_watch(struct spawner *spawner, struct loop *loop, spawner_fn *fn)
{
    spawner->fn = fn;
    return watch_add(loop, &spawner->watch, spawner->socket, EPOLLIN, on_answer);
}

void spawner_deinit(struct spawner *spawner)
{
    watch_remove(&spawner->watch);
    fd_clear(&spawner->socket);
    if (spawner->pidfd >= 0) {
        siginfo_t info;
        waitid(P_PIDFD, (id_t)spawner->pidfd, &info, WEXITED);
    }
    fd_clear(&spawner->pidfd);
}

int spawner_spawn(struct spawner *spawner, const struct spawn *spawn)
{
    int fds[FDPASS_MAX] = {spawn->control, spawn->log};
    if (spawn->n_entries > FDPASS_MAX - 2 || spawn->size > SPAWN_ARGUMENTS_MAX)
        return -E2BIG;
    memcpy(fds + 2, spawn->entries, spawn->n_entries * sizeof(int));
    ssize_t n =
        fdpass_send(spawner->socket, spawn->arguments, spawn->size, fds, 2 + spawn->n_entries);
    return n < 0 ? (int)n : 0;
}
