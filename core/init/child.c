/* The command's process. */
#include "child.h"

#include "base/cleanup.h"
#include "control.h"
#include "program.h"
#include "scripts.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define UMASK     (S_IWGRP | S_IWOTH) /* whatever the agent's was */
#define CORE_SIZE 1 /* 0 would do, but that a core pattern which is a pipe is run at 0 as well */

/* --- ahead, in init --- */

void child_reset_signals(void)
{
    const struct sigaction standard = {.sa_handler = SIG_DFL};
    for (int signal = 1; signal <= SIGNAL_MAX; signal++)
        sigaction(signal, &standard, NULL); /* not those of KILL, STOP and the C library */
}

/* To look costs a tenth of what it costs to drop, and mostly all are dropped. */
int child_drop_bounds(void)
{
    int is_held;
    for (unsigned long capability = 0; (is_held = prctl(PR_CAPBSET_READ, capability, 0, 0, 0)) >= 0;
         capability++)
        if (is_held && prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0)
            return -errno;
    return errno == EINVAL ? 0 : -errno; /* it is where the kernel knows no more */
}

/* --- the steps, in the child --- */

static int enter_session(const struct plan *plan)
{
    (void)plan;
    umask(UMASK);
    return setsid() < 0 ? -errno : 0;
}

/* Their dispositions are init's: child_reset_signals(). */
static int unblock_signals(const struct plan *plan)
{
    (void)plan;
    sigset_t none;
    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? -errno : 0;
}

/* The pipe to init is open until the program is executed, and nothing after that. */
static int place_fds(const struct plan *plan)
{
    for (int i = 0; i < HANDOVER_FDS; i++)
        if (dup2(plan->fds[i], i) < 0)
            return -errno;
    return close_range(HANDOVER_FDS, ~0u, CLOSE_RANGE_CLOEXEC) < 0 ? -errno : 0;
}

/* The session's own: its signals come from there. */
static int take_terminal(const struct plan *plan)
{
    if (!plan->terminal)
        return 0;
    if (ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0 || setenv("TERM", plan->terminal, 1) < 0)
        return -errno;
    return 0;
}

static int set_limit(int resource, int64_t soft, int64_t hard)
{
    struct rlimit limit;
    if (getrlimit((__rlimit_resource_t)resource, &limit) < 0)
        return -errno;
    /* No more than we have: to raise it takes a capability. */
    if ((rlim_t)hard < limit.rlim_max)
        limit.rlim_max = (rlim_t)hard;
    limit.rlim_cur = (rlim_t)soft < limit.rlim_max ? (rlim_t)soft : limit.rlim_max;
    return setrlimit((__rlimit_resource_t)resource, &limit) < 0 ? -errno : 0;
}

static int set_limits(const struct plan *plan)
{
    const struct message_init_assign *limits = plan->limits;
    const struct {
        int resource;
        int64_t soft, hard;
    } all[] = {
        {RLIMIT_CORE, CORE_SIZE, CORE_SIZE},
        {RLIMIT_NOFILE, limits->open_files, limits->open_files},
        {RLIMIT_NPROC, limits->processes, limits->processes},
        {RLIMIT_FSIZE, limits->file_size, limits->file_size},
        /* With both the same the kernel would kill at once, and not say by SIGXCPU why. */
        {RLIMIT_CPU, limits->cpu_seconds, limits->cpu_seconds + 1},
        {RLIMIT_DATA, limits->memory, limits->memory},
    };
    int r = 0;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]) && r == 0; i++)
        if (all[i].soft > 0)
            r = set_limit(all[i].resource, all[i].soft, all[i].hard);
    return r;
}

/* In a user namespace init is that user already, and may not change what is left of its groups. */
static int become_student(const struct plan *plan)
{
    if (plan->limits->run_as_root || getuid() != 0)
        return 0;
    if (setgroups(0, NULL) < 0)
        return -errno;
    int r = child_drop_bounds(); /* while there still is the capability to */
    if (r < 0)
        return r;
    if (setresgid(STUDENT_ID, STUDENT_ID, STUDENT_ID) < 0 ||
        setresuid(STUDENT_ID, STUDENT_ID, STUDENT_ID) < 0)
        return -errno;
    return 0;
}

/* A student who is root keeps those that init has, and nothing gives more: bwrap chose them. */
static int drop_capabilities(const struct plan *plan)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    if (!plan->limits->run_as_root && syscall(SYS_capset, &header, none) < 0)
        return -errno;
    return 0;
}

static int enter_directory(const struct plan *plan)
{
    unsetenv("PWD"); /* bwrap's, and not this one */
    if (plan->opens_scripts)
        scripts_open();
    return chdir(plan->working_dir) < 0 ? -errno : 0;
}

static int execute(const struct plan *plan)
{
    return program_execute(plan->words);
}

/* As the student from become_student() on: what it may not reach is not reached for it. */
static const struct {
    int (*take)(const struct plan *plan);
    const char *what;
} steps[] = {
    {enter_session, "cannot start a session"},
    {unblock_signals, "cannot unblock the signals"},
    {place_fds, "cannot place the descriptors"},
    {take_terminal, "cannot take the terminal"},
    {set_limits, "cannot set the limits"},
    {become_student, "cannot become the student"},
    {drop_capabilities, "cannot drop the capabilities"},
    {enter_directory, NULL},
    {execute, NULL},
};

struct failure {
    size_t step;
    int error;
};

static _Noreturn void become_command(const struct plan *plan, int report)
{
    struct failure failure = {0};
    while ((failure.error = steps[failure.step].take(plan)) == 0)
        failure.step++; /* the last one does not succeed and return */
    /* A pipe takes it whole, and init reads or is dead. */
    if (write(report, &failure, sizeof(failure)) < 0)
        _exit(EXIT_FAILURE);
    _exit(EXIT_FAILURE);
}

/* --- in init --- */

int child_start(const struct plan *plan, struct child *ret_child)
{
    int report[2];
    if (pipe2(report, O_CLOEXEC) < 0)
        return -errno;
    pid_t pid = fork();
    if (pid == 0)
        become_command(plan, report[1]);
    int error = errno;
    close(report[1]);
    if (pid < 0) {
        close(report[0]);
        return -error;
    }
    *ret_child = (struct child){.pid = pid, .report = report[0]};
    return 0;
}

static void ending_of_step(const struct plan *plan, const struct failure *failure,
                           struct ending *ret_ending)
{
    const char *what = strerrordesc_np(-failure->error), *subject = steps[failure->step].what;
    int retval = RETVAL_FAILED;
    if (steps[failure->step].take == enter_directory) {
        subject = plan->working_dir;
    } else if (steps[failure->step].take == execute) {
        subject = plan->words[0];
        what = program_error(failure->error);
        retval = program_error_retval(failure->error);
    }
    ending_of_failure(retval, TERMINATION_FAILED, subject, what, ret_ending);
}

int child_wait_executed(struct child *child, const struct plan *plan, uint64_t deadline,
                        struct ending *ret_ending)
{
    struct failure failure = {.error = control_wait(child->report, deadline)};
    ssize_t n = 0;
    if (failure.error == 0)
        n = read(child->report, &failure, sizeof(failure));
    else
        ending_of_failure(RETVAL_FAILED, TERMINATION_FAILED, plan->words[0],
                          "the file system did not answer in time", ret_ending);
    fd_clear(&child->report);
    if (n == sizeof(failure))
        ending_of_step(plan, &failure, ret_ending);
    return failure.error;
}
