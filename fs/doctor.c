/*
 * The doctor: looks at what a run stands on, one thing after the other, and in the end makes one.
 *
 * A line is "ok", "limited" (runs work, with less) or "MISSING" (they do not), what was looked at,
 * and, where something is amiss, the command that would mend it.
 */
#include "doctor.h"

#include "obstacle.h"

#include "base/cleanup.h"
#include "base/process.h"
#include "studentrun.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* For an agent to start and a run of `true`: a second on a machine that swaps. */
#define RUN_MS 30000

enum finding { FINDING_OK, FINDING_LIMITED, FINDING_MISSING };

static const char *const finding_names[] = {
    [FINDING_OK] = "ok", [FINDING_LIMITED] = "limited", [FINDING_MISSING] = "MISSING"};

static void say(enum finding finding, const char *what, const char *how)
{
    printf("%-8s %s%s%s\n", finding_names[finding], what,
           finding == FINDING_OK || !*how ? "" : ": ", finding == FINDING_OK ? "" : how);
}

/* --- what is there --- */

static enum finding look_at_device(void)
{
    _cleanup_close_ int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    return fd >= 0 ? FINDING_OK : FINDING_MISSING;
}

static enum finding look_at_mount(void)
{
    struct obstacle_facts facts;
    obstacle_look(&facts);
    const char *obstacle = obstacle_name(&facts);
    enum finding finding = obstacle ? FINDING_MISSING : FINDING_OK;
    say(finding, "a mount may be made", obstacle ? obstacle : "");
    return finding;
}

static enum finding look_at_fusermount(void)
{
    return process_is_in_path("fusermount3") ? FINDING_OK
           : geteuid() == 0                  ? FINDING_LIMITED
                                             : FINDING_MISSING;
}

static enum finding look_at_bwrap(void)
{
    return process_is_in_path("bwrap") ? FINDING_OK : FINDING_MISSING;
}

/* root needs one for students who are to be root only. */
static enum finding look_at_user_namespaces(void)
{
    int status = -1;
    pid_t pid = fork();
    if (pid == 0)
        _exit(unshare(CLONE_NEWUSER) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
    if (pid > 0)
        waitpid(pid, &status, 0);
    return status == 0 ? FINDING_OK : geteuid() == 0 ? FINDING_LIMITED : FINDING_MISSING;
}

static enum finding look_at_ssh(void)
{
    static const char *const places[] = {"studentfs-ssh", "../libexec/studentfs/studentfs-ssh"};
    char path[4096];
    return process_find_program(places, 2, path, sizeof(path)) == 0 ? FINDING_OK : FINDING_LIMITED;
}

static const struct {
    const char *what;
    enum finding (*look)(void);
    const char *how;
} checks[] = {
    {"/dev/fuse can be opened", look_at_device,
     "modprobe fuse; for a container, start it with that device"},
    {"fusermount3", look_at_fusermount, "apt-get install fuse3"},
    {"bwrap", look_at_bwrap, "apt-get install bubblewrap"},
    {"user namespaces", look_at_user_namespaces,
     "sysctl -w user.max_user_namespaces=15000 kernel.unprivileged_userns_clone=1"},
    {"studentfs-ssh, for runs with ssh", look_at_ssh, "install it beside studentfs-agent"},
};

/* --- a run --- */

struct trial {
    bool is_ended;
    int retval;
    char enforced[64], reason[400];
};

static void on_started(struct studentrun *run, const char *container_id, void *userdata)
{
    struct trial *trial = userdata;
    const char *enforced = studentrun_enforced(run);
    (void)container_id;
    snprintf(trial->enforced, sizeof(trial->enforced), "%s", enforced ? enforced : "");
}

static void on_handed_over(struct studentrun *run, void *userdata)
{
    (void)run, (void)userdata;
}

static void on_ended(struct studentrun *run, const struct studentrun_result *result, void *userdata)
{
    struct trial *trial = userdata;
    (void)run;
    trial->is_ended = true;
    trial->retval = result->retval;
    snprintf(trial->reason, sizeof(trial->reason), "%s", result->reason ? result->reason : "");
}

static void try_run(struct studentrun_engine *engine, struct trial *trial)
{
    static const struct studentrun_events events = {
        .started = on_started, .handed_over = on_handed_over, .ended = on_ended};
    const struct studentrun_request request = {.command = "true", .fds = {-1, -1, -1}};
    struct studentrun *run;
    int r = studentrun_start(engine, &request, &events, trial, &run);
    if (r < 0) {
        snprintf(trial->reason, sizeof(trial->reason), "%s", strerror(-r));
        return;
    }
    struct pollfd engine_fd = {.fd = studentrun_engine_fd(engine), .events = POLLIN};
    while (!trial->is_ended && poll(&engine_fd, 1, RUN_MS) > 0)
        studentrun_engine_dispatch(engine);
    if (!trial->is_ended)
        snprintf(trial->reason, sizeof(trial->reason), "no answer in %d s", RUN_MS / 1000);
    studentrun_free(run);
}

static void try_agent(const char *agent_program, struct trial *trial)
{
    const struct studentrun_agent_options how = {.program = agent_program, .task_dir = "/"};
    struct studentrun_agent *agent;
    struct studentrun_engine *engine;
    if (studentrun_agent_new(&how, &agent, trial->reason, sizeof(trial->reason)) < 0)
        return;
    const struct studentrun_options options = {.sockets_dir = studentrun_agent_sockets(agent)};
    if (studentrun_engine_new(&options, &engine) == 0) {
        try_run(engine, trial);
        studentrun_engine_free(engine);
    }
    studentrun_agent_free(agent);
}

static enum finding look_at_limit(const struct trial *trial, const char *name)
{
    char what[64];
    enum finding finding = strstr(trial->enforced, name) ? FINDING_OK : FINDING_LIMITED;
    snprintf(what, sizeof(what), "%s of a run is bounded as a whole", name);
    say(finding, what,
        geteuid() == 0 ? "mount the control group's controller where it may be written"
                       : "systemd-run --user --scope -p Delegate=yes studentfs ...");
    return finding;
}

static enum finding look_at_run(const char *agent)
{
    static const char *const limits[] = {"cpu", "wall", "memory", "processes"};
    struct trial trial = {.retval = -1};
    enum finding worst = FINDING_OK;
    try_agent(agent, &trial);
    bool worked = trial.is_ended && trial.retval == 0;
    say(worked ? FINDING_OK : FINDING_MISSING, "a run of `true` in a sandbox", trial.reason);
    if (!worked)
        return FINDING_MISSING;
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        enum finding finding = look_at_limit(&trial, limits[i]);
        worst = finding > worst ? finding : worst;
    }
    return worst;
}

bool doctor_examine(const char *agent)
{
    enum finding worst = look_at_mount();
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        enum finding finding = checks[i].look();
        say(finding, checks[i].what, checks[i].how);
        worst = finding > worst ? finding : worst;
    }
    enum finding of_run = look_at_run(agent);
    return of_run == FINDING_OK && worst != FINDING_MISSING;
}
