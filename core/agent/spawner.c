/* The spawner, both sides of its socket. */
#include "spawner.h"

#include "base/cleanup.h"
#include "base/fdpass.h"
#include "machine_root.h"
#include "makers.h"
#include "mount_view.h"
#include "privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define ARGUMENTS_MAX 256 /* words */

/* What goes before the arguments. The descriptors are control, log, data, places, the birthplace,
 * entries. */
struct header {
    uid_t uid;
    bool has_place[SPAWN_PLACE_COUNT];
    bool has_birthplace;
    bool machine_root;
};

/* A question, taken apart. */
struct order {
    struct header header;
    char *arguments, *end;
    int fds[FDPASS_MAX];
    size_t n_fds;
    const int *data, *places, *entries;
    size_t n_entries;
    int birthplace; /* or -1 */
};

/* --- in the program to be --- */

static _Noreturn void give_up(const char *what)
{
    /* Standard error is the sandbox's log: the reason that the run ends with. */
    dprintf(STDERR_FILENO, "%s: %s\n", what, strerror(errno));
    _exit(127);
}

static void enter_groups(const struct order *order, bool is_born_there)
{
    for (size_t i = 0; i < order->n_entries; i++)
        if (write(order->entries[i], "0", 1) < 0)
            give_up("cannot enter the control group");
    if (order->birthplace < 0 || is_born_there)
        return;
    _cleanup_close_ int fd = openat(order->birthplace, "cgroup.procs", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "0", 1) < 0)
        give_up("cannot enter the control group");
}

/*
 * Above all that is open first, so that nothing is overwritten before it has been moved. A new
 * open file for the data, since a duplicate would share its position with the other sandboxes.
 */
static void place_fds(const struct order *order)
{
    int moved[2 + SPAWN_DATA_COUNT], low = 64;
    int n_data = order->header.machine_root ? SPAWN_FILTER + 1 : SPAWN_DATA_COUNT;
    for (int i = 0; i < 2; i++)
        moved[i] = fcntl(order->fds[i], F_DUPFD, low);
    for (int i = 0; i < n_data; i++) {
        char path[32];
        snprintf(path, sizeof(path), "/proc/self/fd/%d", order->data[i]);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        moved[2 + i] = fcntl(fd, F_DUPFD, low);
    }
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
        dup2(moved[0], SPAWN_CONTROL_FD) < 0)
        give_up("descriptors");
    for (int i = 0; i < n_data; i++)
        if (dup2(moved[2 + i], SPAWN_DATA_FD(i)) < 0)
            give_up("descriptors");
    dup2(moved[1], STDERR_FILENO);
    close_range((unsigned)SPAWN_DATA_FD(n_data), ~0u, 0);
}

static int make_place(const char *path, bool is_directory)
{
    if (is_directory)
        return mkdir(path, 0755);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    return fd < 0 ? -1 : close(fd);
}

static void attach_places(const struct order *order)
{
    static const struct {
        const char *path;
        bool is_directory;
    } places[SPAWN_PLACE_COUNT] = {[SPAWN_INIT] = {SPAWN_PLACE_INIT, false},
                                   [SPAWN_STUDENT] = {SPAWN_PLACE_STUDENT, true},
                                   [SPAWN_SYSTEM_FILES] = {SPAWN_PLACE_SYSTEM_FILES, true},
                                   [SPAWN_ROOT] = {SPAWN_PLACE_ROOT, true}};
    const int *tree = order->places;
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
        mount("studentfs", SPAWN_PLACES, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0)
        give_up("a mount namespace");
    for (int i = 0; i < SPAWN_PLACE_COUNT; i++)
        if (order->header.has_place[i] &&
            (make_place(places[i].path, places[i].is_directory) < 0 ||
             move_mount(*tree++, "", AT_FDCWD, places[i].path, MOVE_MOUNT_F_EMPTY_PATH) < 0))
            give_up(places[i].path);
}

/* For good: with its uid root loses every capability. */
static void become_user(uid_t uid)
{
    if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0 ||
        chdir("/") < 0)
        give_up("cannot become an ordinary user");
}

static _Noreturn void become(const struct order *order, bool is_born_there)
{
    char *words[ARGUMENTS_MAX + 1];
    size_t n = 0;
    for (char *at = order->arguments; at < order->end && n < ARGUMENTS_MAX; at += strlen(at) + 1)
        words[n++] = at;
    words[n] = NULL;
    if (n == 0)
        _exit(EXIT_FAILURE); /* an order without a program: none of ours */
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    dup2(order->fds[1], STDERR_FILENO);
    enter_groups(order, is_born_there);
    if (order->header.uid)
        attach_places(order);
    if (order->header.machine_root && machine_root_enter() < 0)
        give_up("the sandbox's terminals");
    place_fds(order);
    if (order->header.uid)
        become_user(order->header.uid);
    execvp(words[0], words);
    give_up(words[0]);
}

/* --- in the spawner --- */

/*
 * Like fork(), with a descriptor for the child from its first moment, and the child in its group:
 * to enter it later takes a grace period of the kernel's, which is milliseconds after a rest.
 */
static pid_t fork_into(int birthplace, int *ret_pidfd)
{
    struct clone_args arguments = {
        .flags = CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)ret_pidfd, .exit_signal = SIGCHLD};
    if (birthplace >= 0) {
        arguments.flags |= (uint64_t)CLONE_INTO_CGROUP;
        arguments.cgroup = (unsigned)birthplace;
    }
    return (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));
}

/* Containers' filters refuse clone3(), whose flags they cannot see. */
static pid_t fork_plainly(int *ret_pidfd)
{
    pid_t pid = fork();
    if (pid > 0 && (*ret_pidfd = pidfd_open(pid, 0)) < 0)
        return -1; /* it has ended already; its log tells why */
    return pid;
}

static pid_t fork_with_pidfd(int birthplace, int *ret_pidfd, bool *ret_is_born_there)
{
    *ret_is_born_there = birthplace >= 0;
    pid_t pid = fork_into(birthplace, ret_pidfd);
    if (pid >= 0)
        return pid;
    /* A kernel that cannot, or a group that may not: to enter it says why. */
    *ret_is_born_there = false;
    pid = errno == ENOSYS ? -1 : fork_into(-1, ret_pidfd);
    return pid < 0 && errno == ENOSYS ? fork_plainly(ret_pidfd) : pid;
}

static void answer(int socket, int error, int pidfd)
{
    /* The agent reads; if it is gone, so are we at the next turn. */
    while (fdpass_send(socket, &error, sizeof(error), &pidfd, pidfd >= 0) == -EAGAIN) {
        struct pollfd writable = {.fd = socket, .events = POLLOUT};
        poll(&writable, 1, -1);
    }
}

static bool take_apart(char *bytes, size_t size, struct order *order)
{
    size_t n = 2 + SPAWN_DATA_COUNT;
    if (size < sizeof(order->header))
        return false;
    memcpy(&order->header, bytes, sizeof(order->header));
    order->arguments = bytes + sizeof(order->header);
    order->end = bytes + size;
    order->data = order->fds + 2;
    order->places = order->fds + n;
    for (int i = 0; i < SPAWN_PLACE_COUNT; i++)
        n += order->header.has_place[i];
    order->birthplace = -1;
    if (order->header.has_birthplace && n < order->n_fds)
        order->birthplace = order->fds[n++];
    order->entries = order->fds + n;
    order->n_entries = order->n_fds - n;
    return order->n_fds >= n;
}

struct served {
    struct makers makers;
    struct machine_root root;
};

/* The process id, or a negative errno. */
static pid_t carry_out(struct served *served, const struct order *order, int *ret_pidfd)
{
    bool is_born_there = false;
    int r = makers_reserve(&served->makers);
    if (r < 0)
        return r;
    /* Where it cannot be made anew, bwrap says what it misses. */
    if (order->header.machine_root)
        machine_root_update(&served->root);
    pid_t pid = fork_with_pidfd(order->birthplace, ret_pidfd, &is_born_there);
    if (pid == 0)
        become(order, is_born_there);
    if (pid < 0)
        return -errno;
    makers_add(&served->makers, pid);
    return pid;
}

/* Returns whether there may be more. */
static bool take_order(int socket, struct served *served)
{
    static char bytes[sizeof(struct header) + SPAWN_ARGUMENTS_MAX];
    struct order order;
    int pidfd = -1;
    ssize_t size =
        fdpass_receive(socket, bytes, sizeof(bytes), order.fds, FDPASS_MAX, &order.n_fds, NULL);
    if (size == -EAGAIN || size == -EINTR)
        return true;
    if (size <= 0)
        return false;
    pid_t pid =
        take_apart(bytes, (size_t)size, &order) ? carry_out(served, &order, &pidfd) : -EPROTO;
    answer(socket, pid < 0 ? -pid : 0, pidfd);
    fd_clear(&pidfd);
    for (size_t i = 0; i < order.n_fds; i++)
        close(order.fds[i]);
    return true;
}

/* children: a signalfd for their ends, or -1. */
static _Noreturn void serve(int socket, int children, struct served *served)
{
    struct pollfd fds[] = {{.fd = socket, .events = POLLIN}, {.fd = children, .events = POLLIN}};
    makers_adopt_orphans();
    for (;;) {
        struct signalfd_siginfo info;
        poll(fds, 2, -1);
        if (fds[1].revents && read(children, &info, sizeof(info)) > 0)
            makers_reap(&served->makers);
        if (fds[0].revents && !take_order(socket, served))
            break;
    }
    makers_kill_all();
    _exit(EXIT_SUCCESS);
}

static _Noreturn void spawner_main(int socket, const char *init)
{
    struct served served = {.root = {.init = init, .mounts = -1}};
    sigset_t all, child;
    sigfillset(&all);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    /* Whoever waits for the end of what the agent was given must not wait for us. */
    if ((socket = dup2(socket, STDERR_FILENO + 1)) < 0)
        _exit(EXIT_FAILURE);
    close_range((unsigned)socket + 1, ~0u, 0);
    fcntl(socket, F_SETFD, FD_CLOEXEC);
    /* The terminal's Ctrl-C is for the agent, which then ends us in its order. */
    sigprocmask(SIG_BLOCK, &all, NULL);
    signal(SIGCHLD, SIG_DFL); /* whoever started us may have ignored it */
    prctl(PR_SET_NAME, "agent-spawner");
    int r = geteuid() == 0 ? mount_view_enter() : -EPERM;
    if (privileges_keep(PRIVILEGED_SPAWNER) < 0)
        _exit(EXIT_FAILURE);
    if (r == 0)
        r = machine_root_update(&served.root);
    if (init)
        answer(socket, r, -1);
    serve(socket, signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK), &served);
}

/* --- in the agent --- */

int spawner_init(struct spawner *spawner, const char *init)
{
    int pair[2];
    bool is_born_there;
    *spawner = (struct spawner){.socket = -1, .pidfd = -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    pid_t pid = fork_with_pidfd(-1, &spawner->pidfd, &is_born_there);
    if (pid == 0) {
        close(pair[0]);
        spawner_main(pair[1], init);
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

bool spawner_has_machine_root(struct spawner *spawner)
{
    int error = -1;
    struct pollfd readable = {.fd = spawner->socket, .events = POLLIN};
    while (poll(&readable, 1, -1) < 0 && errno == EINTR)
        ;
    return fdpass_receive(spawner->socket, &error, sizeof(error), NULL, 0, NULL, NULL) ==
               (ssize_t)sizeof(error) &&
           error == 0;
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
    static char bytes[sizeof(struct header) + SPAWN_ARGUMENTS_MAX];
    struct header header = {.uid = spawn->uid, .machine_root = spawn->machine_root};
    int fds[3 + SPAWN_DATA_COUNT + SPAWN_PLACE_COUNT + FDPASS_MAX] = {spawn->control, spawn->log};
    size_t n = 2 + SPAWN_DATA_COUNT;
    memcpy(fds + 2, spawn->data, sizeof(spawn->data));
    for (int i = 0; i < SPAWN_PLACE_COUNT && spawn->uid; i++) {
        header.has_place[i] = spawn->places[i] >= 0;
        if (header.has_place[i])
            fds[n++] = spawn->places[i];
    }
    header.has_birthplace = spawn->birthplace >= 0;
    if (header.has_birthplace)
        fds[n++] = spawn->birthplace;
    if (n + spawn->n_entries > FDPASS_MAX || spawn->size > SPAWN_ARGUMENTS_MAX)
        return -E2BIG;
    memcpy(bytes, &header, sizeof(header));
    memcpy(bytes + sizeof(header), spawn->arguments, spawn->size);
    if (spawn->n_entries > 0) /* else there may be no array either */
        memcpy(fds + n, spawn->entries, spawn->n_entries * sizeof(int));
    ssize_t sent = fdpass_send(spawner->socket, bytes, sizeof(header) + spawn->size, fds,
                               n + spawn->n_entries);
    return sent < 0 ? (int)sent : 0;
}
