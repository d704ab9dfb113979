/*
 * The doctor: looks at what a run stands on, one thing after the other, and in the end makes one.
 *
 * What the sandboxes stand on is the agent's to look at: it is asked for its own lines. What it
 * cannot see by looking, a run tells, which is made with all that a real one has.
 */
#include "doctor.h"

#include "obstacle.h"

#include "base/cleanup.h"
#include "base/finding.h"
#include "base/loop.h"
#include "base/process.h"
#include "embedded/agent_child.h"
#include "studentrun.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* For all that it does: an agent to start and a run of `true`, a second on a machine that swaps. */
#define ALL_MS 30000
/* Of these, for the agent's own look; one that hangs is not tried any further. */
#define AGENT_MS 10000

#define TRIAL "a run of `true` in a sandbox"

extern char **environ;

/* --- what is there --- */

static enum finding look_at_mount(void)
{
    struct obstacle_facts facts;
    obstacle_look(&facts);
    const char *obstacle = obstacle_name(&facts);
    return finding_say(obstacle ? FINDING_MISSING : FINDING_OK, "a mount may be made", "",
                       obstacle ? obstacle : "");
}

static enum finding look_at_fusermount(void)
{
    bool is_there = process_is_in_path("fusermount3");
    enum finding bad = geteuid() == 0 ? FINDING_LIMITED : FINDING_MISSING;
    return finding_say(is_there ? FINDING_OK : bad, "fusermount3", "it is not in PATH",
                       "apt-get install fuse3");
}

/* --- the agent --- */

static int spawn_doctor(const char *program, pid_t *ret_pid)
{
    static char name[] = "studentfs-agent", doctor[] = "--doctor";
    char *const words[] = {name, doctor, NULL};
    return -posix_spawn(ret_pid, program, NULL, NULL, words, environ);
}

/* Its exit status, or a negative errno; it is gone then. */
static int wait_for(pid_t pid)
{
    int status = 0;
    _cleanup_close_ int pidfd = pidfd_open(pid, 0);
    struct pollfd end = {.fd = pidfd, .events = POLLIN};
    bool is_over = poll(&end, 1, AGENT_MS) > 0;
    if (!is_over)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return !is_over ? -ETIMEDOUT : WIFEXITED(status) ? WEXITSTATUS(status) : -ECHILD;
}

/* Its own lines come first. */
static enum finding look_at_agent(const char *given, bool *ret_works)
{
    char path[PATH_MAX] = "studentfs-agent", why[PATH_MAX + 64];
    pid_t pid;
    int r = agent_child_find(given, path);
    if (r == 0)
        r = spawn_doctor(path, &pid);
    if (r == 0)
        r = wait_for(pid);
    *ret_works = r >= 0 && r < FINDING_COUNT;
    if (*ret_works)
        return finding_worse((enum finding)r, finding_say(FINDING_OK, "studentfs-agent", "", ""));
    snprintf(why, sizeof(why), "%s: %s", path,
             r == -ECHILD || r > 0 ? "it does not run" : strerror(-r));
    return finding_say(FINDING_MISSING, "studentfs-agent", why,
                       "apt-get install --reinstall studentfs, or give its path with --agent");
}

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

static int left_until(uint64_t deadline)
{
    uint64_t now = monotonic_ns();
    return now < deadline ? (int)((deadline - now) / NS_PER_MS) + 1 : 0;
}

static void try_run(struct studentrun_engine *engine, uint64_t deadline, struct trial *trial)
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
    while (!trial->is_ended && poll(&engine_fd, 1, left_until(deadline)) > 0)
        studentrun_engine_dispatch(engine);
    if (!trial->is_ended)
        snprintf(trial->reason, sizeof(trial->reason), "no answer in %d s", ALL_MS / 1000);
    studentrun_free(run);
}

static void try_agent(const char *agent_program, uint64_t deadline, struct trial *trial)
{
    const struct studentrun_agent_options how = {.program = agent_program, .task_dir = "/"};
    struct studentrun_agent *agent;
    struct studentrun_engine *engine;
    if (studentrun_agent_new(&how, &agent, trial->reason, sizeof(trial->reason)) < 0)
        return;
    const struct studentrun_options options = {.sockets_dir = studentrun_agent_sockets(agent)};
    if (studentrun_engine_new(&options, &engine) == 0) {
        try_run(engine, deadline, trial);
        studentrun_engine_free(engine);
    }
    studentrun_agent_free(agent);
}

static enum finding look_at_limit(const struct trial *trial, const char *name)
{
    char what[64];
    snprintf(what, sizeof(what), "the limit on %s holds for a run as a whole", name);
    return finding_say(strstr(trial->enforced, name) ? FINDING_OK : FINDING_LIMITED, what, "",
                       "as the line of its control group says");
}

/* By what bwrap, the agent or the engine said. */
static const char *mend_of(const char *reason)
{
    static const struct {
        const char *words, *mend;
    } known[] = {
        {"bwrap: No such file", "apt-get install bubblewrap"},
        {"namespace", "sysctl -w user.max_user_namespaces=15000; for a container, start it with a "
                      "seccomp profile that allows unshare and clone"},
        {"mount proc", "for a container, start it with --security-opt systempaths=unconfined"},
        {"Resource temporarily unavailable",
         "end other runs; without a control group for processes all of root's together may have as "
         "many as one"},
        {"Exec format error", "install the studentfs that is built for this machine"},
        {"private directory", "mkdir -m 700 -p /run/user/$(id -u)"},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strstr(reason, known[i].words))
            return known[i].mend;
    return "";
}

static enum finding look_at_run(const char *agent, uint64_t deadline)
{
    static const char *const limits[] = {"cpu", "wall", "memory", "processes"};
    struct trial trial = {.retval = -1};
    enum finding worst = FINDING_OK;
    try_agent(agent, deadline, &trial);
    bool worked = trial.is_ended && trial.retval == 0;
    finding_say(worked ? FINDING_OK : FINDING_MISSING, TRIAL, trial.reason, mend_of(trial.reason));
    if (!worked)
        return FINDING_MISSING;
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
        worst = finding_worse(worst, look_at_limit(&trial, limits[i]));
    return worst;
}

bool doctor_examine(const char *agent)
{
    uint64_t deadline = monotonic_ns() + ALL_MS * NS_PER_MS;
    bool works = false;
    enum finding worst = look_at_mount();
    worst = finding_worse(worst, look_at_fusermount());
    worst = finding_worse(worst, look_at_agent(agent, &works));
    if (works)
        return look_at_run(agent, deadline) == FINDING_OK && worst != FINDING_MISSING;
    finding_say(FINDING_MISSING, TRIAL, "not tried, studentfs-agent does not run", "");
    return false;
}
