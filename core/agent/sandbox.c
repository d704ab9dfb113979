/* One sandbox, from the spawner's answer to bwrap's end. */
#include "sandbox.h"

#include "base/cleanup.h"
#include "base/fdpass.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>

#define START_BOUND_NS (20 * NS_PER_S) /* to READY; 5 ms when idle, far more under a fork storm */
#define CONTROL_MAX    4096            /* bytes of a message of init's: a reason and some numbers */

/* Between two looks whether its group is empty, and how many: two seconds in all. */
#define EMPTY_PAUSE_NS (2 * NS_PER_MS)
#define EMPTY_LOOKS    1000

static void settle(struct sandbox *sandbox);

static void on_bound(struct timer *timer)
{
    struct sandbox *sandbox = container_of(timer, struct sandbox, bound);
    if (sandbox->state == SANDBOX_SETTLING)
        settle(sandbox);
    else
        sandbox_kill(sandbox);
}

void sandbox_kill(struct sandbox *sandbox)
{
    sandbox->killed = true;
    if (cgroup_kill_at_once(&sandbox->cgroup))
        return;
    /* With init everything goes. Before init is known, its maker takes it along. */
    if (sandbox->init >= 0)
        pidfd_send_signal(sandbox->init, SIGKILL, NULL, 0);
    else if (sandbox->maker >= 0)
        pidfd_send_signal(sandbox->maker, SIGKILL, NULL, 0);
}

void sandbox_expect_end(struct sandbox *sandbox, uint64_t ns)
{
    timer_arm(&sandbox->bound, ns);
}

const char *sandbox_last_words(struct sandbox *sandbox)
{
    size_t used = strlen(sandbox->words);
    ssize_t n =
        sandbox->log < 0 ? 0 : read(sandbox->log, sandbox->words + used, SANDBOX_LOG_MAX - used);
    sandbox->words[used + (n > 0 ? (size_t)n : 0)] = 0;
    for (char *c = sandbox->words; *c; c++)
        if (*c == '\n')
            *c = c[1] ? ';' : 0;
    return sandbox->words;
}

/* --- what it says --- */

static void become_ready(struct sandbox *sandbox)
{
    if (sandbox->killed) {
        sandbox_kill(sandbox); /* there was nothing to kill before */
        return;
    }
    sandbox->state = SANDBOX_READY;
    timer_disarm(&sandbox->bound);
    sandbox->fn(sandbox, SANDBOX_IS_READY, NULL);
}

/*
 * Its sender's process id, as seen from here, is how init is found: in its own namespace it
 * only knows itself as 1. It may say so before the spawner, who was interrupted meanwhile,
 * has said that bwrap was started.
 */
static void init_is_ready(struct sandbox *sandbox, pid_t pid)
{
    if (sandbox->init >= 0 || pid <= 0)
        return;
    sandbox->init = pidfd_open(pid, 0);
    sandbox->init_pid = pid;
    if (sandbox->init < 0)
        sandbox_kill(sandbox);
    else if (sandbox->state == SANDBOX_STARTING)
        become_ready(sandbox);
}

/* Returns whether there may be more. */
static bool receive(struct sandbox *sandbox)
{
    char bytes[CONTROL_MAX];
    pid_t pid;
    struct message message;
    ssize_t size = fdpass_receive(sandbox->control, bytes, sizeof(bytes), NULL, 0, NULL, &pid);
    if (size == -EAGAIN || size == -EINTR)
        return false;
    if (size <= 0) {
        /* Its end is near, and told by bwrap's. */
        watch_remove(&sandbox->control_watch);
        return false;
    }
    if (message_decode(bytes, (size_t)size, &message) < 0)
        sandbox_kill(sandbox); /* nobody but init has that socket: it is broken */
    else if (message.type == MESSAGE_INIT_READY)
        init_is_ready(sandbox, pid);
    else if (sandbox->state == SANDBOX_ASSIGNED)
        sandbox->fn(sandbox, SANDBOX_SAID, &message);
    return true;
}

static void on_control(struct watch *watch, uint32_t events)
{
    (void)events;
    receive(container_of(watch, struct sandbox, control_watch));
}

static void on_memory(struct watch *watch, uint32_t events)
{
    (void)events;
    struct sandbox *sandbox = container_of(watch, struct sandbox, memory_watch);
    watch_remove(watch); /* once is enough */
    if (sandbox->state == SANDBOX_ASSIGNED)
        sandbox->fn(sandbox, SANDBOX_NO_MEMORY, NULL);
}

static void on_end(struct watch *watch, uint32_t events)
{
    (void)events;
    struct sandbox *sandbox = container_of(watch, struct sandbox, maker_watch);
    /* What it said before it went may be unread still. Owners do not free it meanwhile. */
    while (sandbox->control_watch.loop && receive(sandbox))
        ;
    watch_remove(&sandbox->control_watch);
    watch_remove(watch);
    sandbox_last_words(sandbox);
    sandbox->state = SANDBOX_SETTLING;
    settle(sandbox);
}

/*
 * bwrap's end is that of all, unless it was killed itself: by v2's memory.oom.group, which takes
 * everybody in the group in no order, or by somebody of the machine.
 */
static void settle(struct sandbox *sandbox)
{
    if (cgroup_is_populated(&sandbox->cgroup) && sandbox->n_looks++ < EMPTY_LOOKS) {
        cgroup_kill(&sandbox->cgroup);
        timer_arm(&sandbox->bound, EMPTY_PAUSE_NS);
        return;
    }
    timer_deinit(&sandbox->bound);
    sandbox->state = SANDBOX_GONE;
    sandbox->fn(sandbox, SANDBOX_HAS_ENDED, NULL);
}

/* --- its start --- */

void sandbox_spawned(struct sandbox *sandbox, int pidfd)
{
    sandbox->maker = pidfd;
    if (pidfd < 0 || watch_add(sandbox->loop, &sandbox->maker_watch, pidfd, EPOLLIN, on_end) < 0) {
        strncpy(sandbox->words, "the spawner could not start it", SANDBOX_LOG_MAX);
        sandbox_kill(sandbox);
        sandbox->state = SANDBOX_GONE;
        timer_deinit(&sandbox->bound);
        watch_remove(&sandbox->control_watch);
        sandbox->fn(sandbox, SANDBOX_HAS_ENDED, NULL);
        return;
    }
    sandbox->state = SANDBOX_STARTING;
    if (sandbox->init >= 0)
        become_ready(sandbox);
    else if (sandbox->killed)
        sandbox_kill(sandbox);
}

/* Its ends of the pipe and the socket go into *spawn. */
static int open_channels(struct sandbox *sandbox, struct spawn *spawn)
{
    int log[2], control[2], yes = 1;
    if (pipe2(log, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    sandbox->log = log[0];
    spawn->log = log[1];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0)
        return -errno;
    sandbox->control = control[0];
    spawn->control = control[1];
    return setsockopt(control[0], SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes)) < 0 ? -errno : 0;
}

static int watch_channels(struct sandbox *sandbox)
{
    int r =
        watch_add(sandbox->loop, &sandbox->control_watch, sandbox->control, EPOLLIN, on_control);
    if (r < 0)
        return r;
    sandbox->memory = cgroup_open_memory_event(&sandbox->cgroup);
    if (sandbox->memory < 0)
        return sandbox->memory == -ENOTSUP ? 0 : sandbox->memory;
    return watch_add(sandbox->loop, &sandbox->memory_watch, sandbox->memory, EPOLLIN, on_memory);
}

static int ask(struct sandbox *sandbox, struct spawner *spawner, struct spawn *spawn)
{
    int entries[HIERARCHIES_MAX];
    _cleanup_close_ int birthplace = -1;
    int n = cgroup_open_entries(&sandbox->cgroup, entries, &birthplace);
    if (n < 0)
        return n;
    spawn->entries = entries;
    spawn->n_entries = (size_t)n;
    spawn->birthplace = birthplace;
    int r = spawner_spawn(spawner, spawn);
    while (n > 0)
        close(entries[--n]);
    return r;
}

int sandbox_init(struct sandbox *sandbox, struct loop *loop, struct spawner *spawner,
                 struct cgroup *cgroup, struct spawn *spawn, sandbox_fn *fn)
{
    *sandbox = (struct sandbox){.loop = loop,
                                .fn = fn,
                                .cgroup = *cgroup,
                                .control = -1,
                                .log = -1,
                                .maker = -1,
                                .init = -1,
                                .memory = -1};
    list_init(&sandbox->link);
    list_init(&sandbox->all);
    int r = timer_init(loop, &sandbox->bound, on_bound);
    if (r == 0)
        r = open_channels(sandbox, spawn);
    if (r == 0)
        r = watch_channels(sandbox);
    if (r == 0) /* last: from then on an answer will come for it */
        r = ask(sandbox, spawner, spawn);
    fd_clear(&spawn->control);
    fd_clear(&spawn->log);
    if (r < 0) {
        sandbox_deinit(sandbox);
        return r;
    }
    timer_arm(&sandbox->bound, START_BOUND_NS);
    *cgroup = (struct cgroup){0};
    return 0;
}

void sandbox_deinit(struct sandbox *sandbox)
{
    watch_remove(&sandbox->control_watch);
    watch_remove(&sandbox->maker_watch);
    watch_remove(&sandbox->memory_watch);
    timer_deinit(&sandbox->bound);
    fd_clear(&sandbox->control);
    fd_clear(&sandbox->log);
    fd_clear(&sandbox->maker);
    fd_clear(&sandbox->init);
    fd_clear(&sandbox->memory);
    list_remove(&sandbox->link);
    list_remove(&sandbox->all);
}

/* --- its run --- */

int sandbox_send(struct sandbox *sandbox, const struct message *message, int fd)
{
    _cleanup_free_ char *bytes = NULL;
    size_t size;
    int r = message_encode(message, &bytes, &size);
    if (r < 0)
        return r;
    ssize_t n = fdpass_send(sandbox->control, bytes, size, &fd, fd >= 0);
    return n < 0 ? (int)n : 0;
}

/* A failure is told when it has a run: all is tried again then. */
void sandbox_limit_ahead(struct sandbox *sandbox, const struct limits *limits)
{
    cgroup_set_limits(&sandbox->cgroup, limits);
    sandbox->cpu_base_ns = cgroup_cpu_ns(&sandbox->cgroup);
}

/* Where the room cannot be made, the script has what is left. */
int sandbox_begin_teardown(struct sandbox *sandbox, const struct limits *limits)
{
    static const struct message message = {.type = MESSAGE_INIT_TEARDOWN};
    struct limits doubled = *limits;
    doubled.memory_bytes *= 2;
    cgroup_set_limits(&sandbox->cgroup, &doubled);
    return sandbox_send(sandbox, &message, -1);
}

int sandbox_assign(struct sandbox *sandbox, const struct limits *limits,
                   const struct message_init_assign *assign, int connection)
{
    const struct message message = {.type = MESSAGE_INIT_ASSIGN, .init_assign = *assign};
    int r = cgroup_set_limits(&sandbox->cgroup, limits);
    if (r == 0)
        r = sandbox_send(sandbox, &message, connection);
    if (r == 0)
        sandbox->state = SANDBOX_ASSIGNED;
    return r;
}
