/*
 * studentfs-agent(8): a router of the protocol that runs students' programs in sandboxes.
 *
 *   client ── ZeroMQ ──▶ router ─▶ run ─▶ pool ─▶ spawner ── fork ──▶ bwrap ─▶ student-init
 *      └───── Unix socket SOCKETS/<id>.sock, connected for it ─────────────────┘
 *
 * One process, one loop, and the spawner. What the student writes never passes through here. Its
 * end is the end of every sandbox, however it ends: the spawner sees its socket close, and
 * the sandboxes die with the spawner. Control groups that a kill leaves are removed by the
 * next start.
 */
#include "base/cleanup.h"
#include "base/log.h"
#include "base/process.h"
#include "bwrap.h"
#include "doctor.h"
#include "makers.h"
#include "options.h"
#include "privileges.h"
#include "router.h"
#include "run.h"
#include "ssh.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>

/* For the sandboxes to go and their groups with them, at the agent's own end. */
#define STOP_BOUND_NS (3 * NS_PER_S)

/* What a run sees of the task. */
struct task {
    char student[PATH_MAX + 16], system_files[PATH_MAX + 16];
};

struct agent {
    struct loop loop;
    struct watch signals;
    struct spawner spawner;
    struct maker maker;
    struct cgroup_tree cgroups;
    struct pool pool;
    struct disk disk;
    struct ssh_host ssh;
    struct router router;
    struct run_host host;
    struct timer stop_bound;
    bool is_overdue; /* that time is up */
    bool failed;
};

/* --- what it stands on --- */

static int find_init(char *ret_path, size_t size)
{
    static const char *const places[] = {"student-init", "../libexec/studentfs/student-init"};
    return process_find_program(places, sizeof(places) / sizeof(places[0]), ret_path, size);
}

static void tell_what_is_missing(const struct cgroup_tree *cgroups)
{
    static const char *const instead[CONTROLLER_COUNT] = {
        [CONTROLLER_MEMORY] = "memory: bounded for each process, not for the run",
        [CONTROLLER_PIDS] = "processes: bounded by RLIMIT_NPROC, for root's runs all together",
        [CONTROLLER_CPU] = "CPU time: bounded for each process, not for the run"};
    for (unsigned i = 0; i < CONTROLLER_COUNT; i++)
        if (!cgroup_tree_has(cgroups, (enum controller)i))
            log_warning("no control group for %s (%s)", instead[i], cgroups->lacks[i].why);
}

static int set_log(const struct options *options)
{
    int level = options->log_level ? log_level_of_name(options->log_level) : LOG_LEVEL_WARNING;
    if (options->as_journal)
        log_as_journal();
    if (level < 0)
        log_error("--log-level %s: not error, warning, info or debug", options->log_level);
    else
        log_set_level(level);
    return level;
}

/* --- events --- */

/* Taken, or it would be there again at the next turn and cut the drain short. */
static void on_signal(struct watch *watch, uint32_t events)
{
    (void)events;
    struct signalfd_siginfo info;
    if (read(watch->fd, &info, sizeof(info)) == sizeof(info))
        loop_stop(watch->loop);
}

static void on_spawned(struct spawner *spawner, int pidfd)
{
    struct agent *agent = container_of(spawner, struct agent, spawner);
    if (pidfd == -ESRCH) {
        log_error("the spawner died, and the sandboxes with it");
        agent->failed = true;
        loop_stop(&agent->loop);
        return;
    }
    pool_spawned(&agent->pool, pidfd);
}

static struct run_host *host_of(struct router *router)
{
    return &container_of(router, struct agent, router)->host;
}

static void on_run_student(struct router *router, struct peer *peer,
                           const struct message_run_student *asked)
{
    run_start(host_of(router), peer, asked);
}

static void on_run_student_init(struct router *router, struct peer *peer,
                                const struct message_run_student_command *command)
{
    (void)router;
    run_take_command(peer, command);
}

static void on_stdin(struct router *router, const struct received *received)
{
    run_take_input(host_of(router), &router->peers, received);
}

static void on_student_signal(struct router *router, const struct message_student_signal *signal)
{
    run_take_signal(host_of(router), signal);
}

static void on_ssh_student(struct router *router, const struct message_ssh_student *asked,
                           struct message_ok *ret_ok)
{
    run_take_ssh(host_of(router), asked, ret_ok);
}

static void on_client_left(struct router *router, const char *files)
{
    run_remove_files(host_of(router), files);
}

static const struct router_ops router_ops = {.ssh_student = on_ssh_student,
                                             .run_student = on_run_student,
                                             .run_student_init = on_run_student_init,
                                             .stdin_block = on_stdin,
                                             .client_left = on_client_left,
                                             .student_signal = on_student_signal};

/* --- start and end --- */

static int watch_signals(struct agent *agent)
{
    int fd = process_open_end_signals();
    return fd < 0 ? fd : watch_add(&agent->loop, &agent->signals, fd, EPOLLIN, on_signal);
}

static unsigned count_cpus(void)
{
    cpu_set_t cpus;
    int n = sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
    return n > 0 ? (unsigned)n : 1;
}

static int fail(const char *what, int error)
{
    log_error("%s: %s", what, strerror(-error));
    return error;
}

/* Whatever fails later: what ends the runs looks at them. */
static void init_host(struct agent *agent, const struct options *options)
{
    agent->host = (struct run_host){.loop = &agent->loop,
                                    .pool = &agent->pool,
                                    .disk = &agent->disk,
                                    .ssh = &agent->ssh,
                                    .limits = &options->limits,
                                    .environments = &options->environments,
                                    .sockets_dir = options->sockets,
                                    .sockets_fd = -1,
                                    .n_cpus = count_cpus(),
                                    .handover_s = options->handover,
                                    .strict = options->strict};
    list_init(&agent->host.runs);
}

static int start_pool(struct agent *agent, const struct options *options)
{
    const struct message_run_student nothing_asked = {0};
    struct pool_plan plan = {.least = (unsigned)options->pool, .most = (unsigned)options->pool_max};
    limits_resolve(&options->limits, &nothing_asked, &plan.limits);
    return pool_init(&agent->pool, &agent->loop, &agent->spawner, &agent->cgroups, &agent->maker,
                     &plan);
}

static int start(struct agent *agent, const struct options *options, const char *init,
                 const struct task *task)
{
    init_host(agent, options);
    int r = watch_signals(agent);
    if (r == 0)
        r = spawner_watch(&agent->spawner, &agent->loop, on_spawned);
    if (r < 0)
        return fail("cannot start", r);
    r = cgroup_tree_init(&agent->cgroups);
    if (r < 0)
        return fail("control groups", r);
    tell_what_is_missing(&agent->cgroups);
    r = maker_init(&agent->maker, init, task->student, task->system_files, options->tmp_size << 20,
                   spawner_has_machine_root(&agent->spawner));
    if (r == 0)
        r = start_pool(agent, options);
    if (r < 0)
        return fail("cannot start", r);
    r = disk_init(&agent->disk, &agent->loop, task->student,
                  geteuid() == 0 ? STUDENT_ID : geteuid(), options->limits.disk_limit << 20);
    if (r < 0)
        return fail("cannot start", r);
    r = ssh_host_start(&agent->ssh, &agent->loop, &agent->maker, &options->ssh);
    if (r < 0)
        return r; /* it was said */
    agent->host.sockets_fd = open(options->sockets, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (agent->host.sockets_fd < 0)
        return fail(options->sockets, -errno);
    r = router_init(&agent->router, &agent->loop, options->sockets, &router_ops);
    if (r == -EBUSY)
        return fail("another agent serves that directory", r);
    return r < 0 ? fail(options->sockets, r) : 0;
}

static void on_stop_bound(struct timer *timer)
{
    container_of(timer, struct agent, stop_bound)->is_overdue = true;
}

/*
 * Ends the runs, each with its answer, and waits for the sandboxes' groups to go; not shorter for
 * being asked to end once more.
 */
static void drain(struct agent *agent)
{
    if (!agent->pool.loop || timer_init(&agent->loop, &agent->stop_bound, on_stop_bound) < 0)
        return;
    timer_arm(&agent->stop_bound, STOP_BOUND_NS);
    agent->host.stopping = true;
    pool_end(&agent->pool);
    run_answer_ended(&agent->host);
    while (!agent->is_overdue && !pool_is_empty(&agent->pool))
        loop_dispatch(&agent->loop, -1);
    timer_deinit(&agent->stop_bound);
}

static void stop(struct agent *agent)
{
    drain(agent);
    router_deinit(&agent->router);
    fd_clear(&agent->host.sockets_fd);
    ssh_host_deinit(&agent->ssh);
    spawner_deinit(&agent->spawner);
    makers_kill_all(); /* what a spawner that was killed has left */
    if (agent->pool.loop)
        pool_deinit(&agent->pool);
    if (agent->disk.loop)
        disk_deinit(&agent->disk);
    maker_deinit(&agent->maker);
    cgroup_tree_deinit(&agent->cgroups);
    if (agent->signals.loop) {
        int fd = agent->signals.fd;
        watch_remove(&agent->signals);
        close(fd);
    }
    loop_deinit(&agent->loop);
}

static void tell_ready(const struct options *options)
{
    if (options->ready_fd == OPTION_NO_FD)
        return;
    /* Whoever no longer listens does not need to know. */
    if (write((int)options->ready_fd, "ready\n", 6) == 6)
        close((int)options->ready_fd);
}

static int serve(const struct options *options, const char *init, const struct task *task)
{
    struct agent agent = {
        .router = {.lock = -1}, .host = {.sockets_fd = -1}, .maker = {.data = MAKER_NO_DATA}};
    int r = spawner_init(&agent.spawner, init);
    if (r == 0)
        r = ssh_host_init(&agent.ssh);
    if (r < 0)
        return fail("cannot start the spawner", r);
    makers_adopt_orphans();
    r = privileges_keep(PRIVILEGED_AGENT); /* now that the spawners have theirs */
    if (r < 0)
        return fail("cannot drop capabilities", r);
    r = loop_init(&agent.loop);
    if (r == 0)
        r = start(&agent, options, init, task);
    if (r == 0) {
        tell_ready(options);
        r = loop_run(&agent.loop);
    }
    stop(&agent);
    return agent.failed ? -ECHILD : r;
}

int main(int argc, char **argv)
{
    static struct options options; /* what it holds is needed to the end */
    char init[PATH_MAX];
    pid_t parent = getppid();
    log_open("studentfs-agent");
    int r = options_parse(argc, argv, &options);
    if (r != 0)
        return r > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    if (set_log(&options) < 0)
        return EXIT_FAILURE;
    if (options.doctor)
        return doctor_examine(&options);
    /* SIGTERM, so that it cleans up; the parent may have gone already. */
    if (options.die_with_parent && (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent))
        return EXIT_FAILURE;
    /* An ordinary user's bwrap may be setuid on some systems; root's need not be. */
    if (geteuid() == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return EXIT_FAILURE;
    if (options.ready_fd != OPTION_NO_FD)
        fcntl((int)options.ready_fd, F_SETFD, FD_CLOEXEC);
    if (!options.init && (r = find_init(init, sizeof(init))) < 0) {
        fail("student-init is not beside this program; give --init PATH", r);
        return EXIT_FAILURE;
    }
    if (options.init && access(options.init, X_OK) < 0) {
        fail(options.init, -errno);
        return EXIT_FAILURE;
    }
    _cleanup_free_ char *task = realpath(options.task, NULL);
    if (!task) {
        fail(options.task, -errno);
        return EXIT_FAILURE;
    }
    static struct task places;
    snprintf(places.student, sizeof(places.student), "%s/student", task);
    snprintf(places.system_files, sizeof(places.system_files), "%s/systemfiles", task);
    process_raise_descriptor_limit(); /* the sandboxes do not have it: init sets theirs */
    return serve(&options, options.init ? options.init : init, &places) < 0 ? EXIT_FAILURE
                                                                            : EXIT_SUCCESS;
}
