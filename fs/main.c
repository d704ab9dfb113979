/* studentfs(1): start, serve, end. The one place that logs and exits. */
#include "base/cleanup.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/process.h"
#include "embedded/runtime_dir.h"
#include "handle.h"
#include "studentfs.h"
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* From its unmount to a daemon's end: it kills its sandboxes and waits for the agent. */
#define PREDECESSOR_NS      (10 * NS_PER_S)
#define PREDECESSOR_POLL_US 10000

/* --- the background --- */

/*
 * Forks; the parent waits until the child says that the mount is ready, and exits. Returns,
 * in the child, the descriptor to say it on.
 */
static int go_to_background(void)
{
    int ready[2];
    if (pipe2(ready, O_CLOEXEC) < 0)
        return -errno;
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0) {
        close(ready[0]);
        setsid();
        return ready[1];
    }
    char byte;
    close(ready[1]);
    bool mounted = read(ready[0], &byte, 1) == 1;
    if (!mounted)
        waitpid(pid, NULL, 0);
    _exit(mounted ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* Whoever started us may wait for the end of our output. */
static void leave_terminal(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    log_to_syslog();
    for (int fd = 0; fd < 3 && null >= 0; fd++)
        dup2(null, fd);
    if (null > 2)
        close(null);
}

/* --- the parts --- */

static void on_signal(struct watch *watch, uint32_t events)
{
    (void)events;
    struct signalfd_siginfo info;
    struct studentfs *fs = container_of(watch, struct studentfs, signals);
    if (read(watch->fd, &info, sizeof(info)) == sizeof(info))
        loop_stop(&fs->loop);
}

static int watch_signals(struct studentfs *fs)
{
    int fd = process_open_end_signals();
    return fd < 0 ? fd : watch_add(&fs->loop, &fs->signals, fd, EPOLLIN, on_signal);
}

static void on_engine(struct watch *watch, uint32_t events)
{
    (void)events;
    studentrun_engine_dispatch(container_of(watch, struct studentfs, engine_watch)->engine);
}

static void on_agent_died(struct agent_process *agent, const char *reason)
{
    struct studentfs *fs = container_of(agent, struct studentfs, agent);
    log_error("%s; starting another", reason);
    studentrun_engine_router_died(fs->engine, reason);
}

static int fail(const char *what, int error)
{
    log_error("%s: %s", what, strerror(-error));
    return error;
}

static int set_log_level(const char *name)
{
    int level = name ? log_level_of_name(name) : LOG_LEVEL_WARNING;
    if (level < 0)
        log_error("--log-level %s: not error, warning, info or debug", name);
    else
        log_set_level(level);
    return level;
}

static int start_engine(struct studentfs *fs, const char *sockets)
{
    struct studentrun_options options = fs->options->engine;
    options.sockets_dir = sockets;
    int r = studentrun_engine_new(&options, &fs->engine);
    if (r == 0)
        r = watch_add(&fs->loop, &fs->engine_watch, studentrun_engine_fd(fs->engine), EPOLLIN,
                      on_engine);
    return r < 0 ? fail(sockets, r) : 0;
}

static int start_agent(struct studentfs *fs, const char *sockets)
{
    int r = agent_process_init(&fs->agent, &fs->loop, fs->options, sockets, on_agent_died);
    if (r == -ECHILD) {
        log_error("studentfs-agent has ended before it was ready: see above");
        return r;
    }
    return r < 0 ? fail("cannot start studentfs-agent", r) : 0;
}

static const char *spill_directory(void)
{
    const char *directory = getenv("TMPDIR");
    return directory && *directory == '/' ? directory : "/var/tmp";
}

static int start(struct studentfs *fs, const char *sockets)
{
    int r = watch_signals(fs);
    if (r < 0)
        return fail("signals", r);
    r = start_engine(fs, sockets);
    if (r < 0)
        return r;
    struct run_context context = {.loop = &fs->loop,
                                  .pool = &fs->pool,
                                  .engine = fs->engine,
                                  .task_dir = fs->options->task,
                                  .settled = tree_forget_attributes,
                                  .keeper = fs};
    r = runs_init(&fs->runs, &context, fs->options->max_runs, fs->uid, fs->gid);
    if (r == 0 && !fs->options->sockets)
        r = start_agent(fs, sockets);
    if (r < 0)
        return r;
    return mount_init(&fs->mount, &fs->loop, fs->options->mountpoint, fs->options->mount_options,
                      &tree_operations, fs);
}

/* In this order nobody waits for anybody who has gone already. */
static void stop(struct studentfs *fs)
{
    mount_deinit(&fs->mount);
    handle_free_all();
    runs_deinit(&fs->runs);
    watch_remove(&fs->engine_watch);
    studentrun_engine_free(fs->engine);
    agent_process_deinit(&fs->agent);
    if (fs->signals.loop) {
        close(fs->signals.fd);
        watch_remove(&fs->signals);
    }
    chunk_pool_deinit(&fs->pool);
    loop_deinit(&fs->loop);
}

static int serve(const struct options *options, const char *sockets, int ready_fd)
{
    struct studentfs fs = {.options = options, .uid = geteuid(), .gid = getegid()};
    clock_gettime(CLOCK_REALTIME, &fs.started);
    int r = loop_init(&fs.loop);
    if (r == 0)
        r = chunk_pool_init(&fs.pool, &fs.loop, options->recording_memory << 20, spill_directory());
    if (r == 0)
        r = start(&fs, sockets);
    if (r == 0) {
        if (ready_fd >= 0) {
            leave_terminal();
            r = write(ready_fd, "", 1) == 1 ? 0 : -EPIPE;
            close(ready_fd);
        }
        notify_service_manager("READY=1");
        log_info("mounted on %s", options->mountpoint);
        if (r == 0)
            r = loop_run(&fs.loop);
        notify_service_manager("STOPPING=1");
        log_info("ending %s", options->mountpoint);
    }
    stop(&fs);
    return r;
}

/* One that was unmounted a moment ago still cleans up: the mount point is free already. */
static int wait_for_runtime_dir(struct runtime_dir *runtime, const char *mountpoint)
{
    uint64_t end = monotonic_ns() + PREDECESSOR_NS;
    int r;
    while ((r = runtime_dir_init(runtime, mountpoint)) == -EBUSY && monotonic_ns() < end)
        usleep(PREDECESSOR_POLL_US);
    return r;
}

static int run_daemon(const struct options *options, int ready_fd)
{
    struct runtime_dir runtime;
    int r = wait_for_runtime_dir(&runtime, options->mountpoint);
    if (r == -EBUSY)
        return fail("the last studentfs of this mount point is still in use", r);
    if (r < 0)
        return fail("cannot make a private directory in $XDG_RUNTIME_DIR, /run, /tmp or /dev/shm",
                    r);
    if (chdir("/") < 0)
        r = fail("/", -errno);
    if (r == 0)
        r = serve(options, options->sockets ? options->sockets : runtime.sockets, ready_fd);
    runtime_dir_deinit(&runtime);
    return r;
}

int main(int argc, char **argv)
{
    struct options options = {0};
    log_open("studentfs");
    int r = options_parse(argc, argv, &options);
    if (r != 0)
        return r == OPTIONS_ANSWERED ? EXIT_SUCCESS : EXIT_FAILURE;
    _cleanup_free_ char *mountpoint = NULL;
    r = set_log_level(options.log_level);
    if (r >= 0)
        r = mount_point_prepare(options.mountpoint, &mountpoint);
    if (r == 0 && !options.sockets)
        r = mount_point_check_task(mountpoint, options.task);
    if (r < 0) {
        options_deinit(&options);
        return EXIT_FAILURE;
    }
    options.mountpoint = mountpoint;
    /* A run takes up to five; the agent and students set theirs. */
    process_raise_descriptor_limit();
    int ready_fd = options.foreground ? -1 : go_to_background();
    if (!options.foreground && ready_fd < 0)
        r = fail("cannot go to the background", ready_fd);
    if (r == 0)
        r = run_daemon(&options, ready_fd);
    options_deinit(&options);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
