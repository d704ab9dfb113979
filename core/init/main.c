/*
 * student-init: process 1 of one sandbox, for one run.
 *
 *   agent ◀── descriptor 3, messages ──▶ init ◀── connection: hand-over, signals ── client
 *                                         └─ the command, uid 4242, and what it leaves behind
 *
 * The agent starts it ahead of its run, in bwrap's namespaces and behind the agent's filter of
 * system calls, with no more privilege than to become the student and to signal it. It says that it
 * is ready, is given limits and a connected socket, takes the command over that, runs it, passes
 * signals on, reaps, and reports. Then it exits, and the kernel kills what is left in the sandbox.
 *
 * Where there is no agent of ours at descriptor 3, it stands in for INGInious's init: drop_in.h.
 *
 * Two ends end it at any time: that of descriptor 3, as the agent is gone; and that of the
 * connection before the command's own, as the client is gone, unless it has said `---`.
 *
 * Of what the student does nothing reaches it: it is not dumpable, so that not even a student
 * of the same uid (in a user namespace) may trace it or look at its descriptors; all
 * signals are blocked, and process 1 could not be killed from inside anyway; its descriptors
 * are not inherited. It holds none of the command's: the end of a stream is the command's.
 */
#include "base/cleanup.h"
#include "base/loop.h"
#include "child.h"
#include "connection.h"
#include "control.h"
#include "deliver.h"
#include "drop_in.h"
#include "ending.h"
#include "protocol/words.h"
#include "scripts.h"
#include "ssh.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#define NO_COMMAND "echo 'No command was set for this run.'"
/* Orphans between two looks at the descriptors: a fork bomb has no end of them. */
#define REAP_ROUND 64
/* The student cannot remove it, as it can remove the working directory. */
#define TEARDOWN_DIR_OTHERWISE "/task"

struct init {
    int children; /* signalfd */
    struct message_init_assign limits;
    uint64_t deadline; /* of the hand-over and the start */
    struct connection connection;
    struct messenger messenger; /* instead of it, in message mode without an agent of ours */
    struct message_run_student_command command;
    char *working_dir;
    char **words;
    struct child child;
    struct ending ending;
};

/* Nothing that the student has left writes any more when the run's end is known. */
static void end(const struct ending *ending, bool teardown)
{
    kill(-1, SIGKILL);
    control_send_ended(ending, teardown);
}

static int fail(struct init *init, int retval, const char *what)
{
    enum termination termination =
        retval == RETVAL_UNAVAILABLE ? TERMINATION_UNAVAILABLE : TERMINATION_FAILED;
    ending_of_failure(retval, termination, NULL, what, &init->ending);
    return -EINVAL;
}

/* --- the command --- */

/*
 * Whether this user namespace has one user and no more, so that its root is somebody ordinary
 * outside. The agent made sure; a root who is root outside would be the end of the sandbox.
 */
static bool is_single_user(void)
{
    unsigned inside, outside, count, n = 0;
    FILE *map = fopen("/proc/self/uid_map", "re");
    bool is_single = map && fscanf(map, "%u %u %u", &inside, &outside, &count) == 3 && count == 1;
    if (map)
        is_single = fscanf(map, "%u", &n) != 1 && is_single;
    if (map)
        fclose(map);
    return is_single;
}

static int split(struct init *init, struct text text)
{
    int r = words_split(text.data, text.size, &init->words);
    if (r == -EAGAIN)
        return fail(init, RETVAL_FAILED, "the command has an open quote or ends in a backslash");
    if (r < 0)
        return fail(init, RETVAL_FAILED,
                    r == -EINVAL ? "the command has a NUL byte in it" : strerrordesc_np(-r));
    return 0;
}

/* Whether the sandbox is of the kind in which the user is to be. */
static int check_user(struct init *init)
{
    const struct text user = init->command.user;
    bool is_root = text_equals(user, "root");
    /* A container that does not share the machine's kernel. */
    if (messenger_is_open(&init->messenger))
        init->limits.run_as_root = is_root;
    if (!is_root && !text_equals(user, "worker"))
        return fail(init, RETVAL_FAILED, "the user is neither 'worker' nor 'root'");
    if (is_root && !init->limits.run_as_root)
        return fail(init, RETVAL_UNAVAILABLE, "the run was not asked for as root (run_as_root)");
    if (!is_root && init->limits.run_as_root)
        return fail(init, RETVAL_FAILED, "the run was asked for as root, the user is 'worker'");
    if (is_root && !messenger_is_open(&init->messenger) && !is_single_user())
        return fail(init, RETVAL_UNAVAILABLE, "root would be a user outside of the sandbox too");
    return 0;
}

static int check_command(struct init *init)
{
    const struct message_run_student_command *command = &init->command;
    int r = check_user(init);
    if (r < 0)
        return r;
    if (command->ssh && init->limits.ssh_wait_ms <= 0)
        return fail(init, RETVAL_UNAVAILABLE, "the run was not asked for with ssh");
    if (memchr(command->working_dir.data, 0, command->working_dir.size))
        return fail(init, RETVAL_FAILED, "the working directory has a NUL byte in it");
    return 0;
}

static int take_command(struct init *init)
{
    if (messenger_is_open(&init->messenger))
        return messenger_take_command(&init->messenger, init->deadline, &init->command,
                                      init->connection.fds);
    return connection_take_command(&init->connection, init->deadline, &init->command);
}

static int hand_over(struct init *init)
{
    int r = take_command(init);
    if (r == 0 && control_fd() < 0 && drop_in_system_files() < 0)
        return fail(init, RETVAL_FAILED, "the task's system files cannot be put into /etc");
    if (r < 0)
        return fail(init, RETVAL_FAILED, connection_error(r));
    r = check_command(init);
    if (r < 0)
        return r;
    init->working_dir = strndup(init->command.working_dir.data, init->command.working_dir.size);
    if (!init->working_dir)
        return fail(init, RETVAL_FAILED, strerrordesc_np(ENOMEM));
    struct text none = text_of(NO_COMMAND), command = init->command.command;
    if (init->command.ssh)
        none = text_of(""); /* the session alone */
    r = split(init, command.size > 0 ? command : none);
    if (r == 0 && !init->words[0]) { /* blanks */
        free(init->words);
        r = split(init, none);
    }
    return r;
}

static int start(struct init *init)
{
    const struct plan plan = {.words = init->words,
                              .working_dir = init->working_dir,
                              .fds = init->connection.fds,
                              .limits = &init->limits};
    int r = *init->words ? child_start(&plan, &init->child) : 0;
    connection_close_fds(&init->connection);
    if (!*init->words)
        return 0;
    if (r < 0)
        return fail(init, RETVAL_FAILED, "no process can be made for the command");
    return child_wait_executed(&init->child, &plan, init->deadline, &init->ending);
}

/* --- while it runs --- */

enum reaped { REAPED_ALL, REAPED_SOME, REAPED_COMMAND };

/*
 * Before reaping: a child that ends meanwhile makes it readable again. One read, as the signal
 * is pending once at most; a loop would be the student's to keep going, where it has our uid.
 */
static void forget_children(const struct init *init)
{
    struct signalfd_siginfo ignored;
    ssize_t n = read(init->children, &ignored, sizeof(ignored));
    (void)n; /* there may be none */
}

static enum reaped reap(const struct init *init, int *ret_status)
{
    forget_children(init);
    if (waitpid(init->child.pid, ret_status, WNOHANG) == init->child.pid)
        return REAPED_COMMAND;
    for (int i = 0; i < REAP_ROUND; i++) {
        pid_t pid = waitpid(-1, ret_status, WNOHANG);
        if (pid == init->child.pid)
            return REAPED_COMMAND;
        if (pid <= 0)
            return REAPED_ALL;
    }
    return REAPED_SOME;
}

/* To the command's process alone, as INGInious's init does; it is not reaped yet. */
static void pass_signals(struct init *init)
{
    for (int signal; (signal = connection_next_signal(&init->connection)) > 0;)
        deliver(init->child.pid, signal);
    for (int signal; (signal = messenger_next_signal(&init->messenger)) > 0;)
        deliver(init->child.pid, signal);
}

/* Until the command ends, or its client is gone. */
static void attend(struct init *init)
{
    struct pollfd fds[3 + MESSENGER_FDS] = {{.fd = control_fd(), .events = POLLIN},
                                            {.fd = init->children, .events = POLLIN},
                                            {.fd = init->connection.fd, .events = POLLIN}};
    enum reaped reaped = REAPED_ALL;
    for (;;) {
        int status, r = 0;
        pass_signals(init);
        if (init->connection.is_silent)
            fds[2].fd = -1;
        messenger_watch(&init->messenger, fds + 3);
        poll(fds, sizeof(fds) / sizeof(fds[0]), reaped == REAPED_SOME ? 0 : -1);
        if (fds[0].revents)
            _exit(EXIT_SUCCESS);
        if (fds[1].revents || reaped == REAPED_SOME)
            reaped = reap(init, &status);
        if (reaped == REAPED_COMMAND) {
            ending_of_status(status, &init->ending);
            return;
        }
        if (fds[2].fd >= 0 && fds[2].revents)
            r = connection_read(&init->connection);
        else
            r = messenger_work(&init->messenger, fds + 3);
        if (r < 0) {
            ending_of_failure(RETVAL_FAILED, TERMINATION_REMOVED, NULL,
                              "the client closed the connection", &init->ending);
            return;
        }
    }
}

/* --- after it --- */

/* Waits for the end of all processes but init. */
static void reap_all(const struct init *init)
{
    for (;;) {
        forget_children(init);
        pid_t pid = waitpid(-1, NULL, WNOHANG);
        if (pid < 0)
            return;
        if (pid == 0)
            control_wait(init->children, UINT64_MAX);
    }
}

/*
 * With no streams: those of the run have had their end. The agent bounds its time; that of the
 * start is none of the hand-over's.
 */
static void run_teardown(struct init *init)
{
    static const int null[HANDOVER_FDS] = {STDIN_FILENO, STDIN_FILENO, STDIN_FILENO};
    const struct text script = init->command.teardown_script;
    struct plan plan = {.working_dir = init->working_dir,
                        .fds = null,
                        .limits = &init->limits,
                        .opens_scripts = true};
    char **words;
    struct ending ignored;
    control_receive_teardown();
    reap_all(init); /* what was killed still counts as processes */
    if (words_split(script.data, script.size, &words) < 0 || !words[0])
        return;
    plan.words = words;
    scripts_open();
    if (child_start(&plan, &init->child) < 0)
        return;
    if (child_wait_executed(&init->child, &plan, UINT64_MAX, &ignored) < 0) {
        plan.working_dir = TEARDOWN_DIR_OTHERWISE;
        if (child_start(&plan, &init->child) < 0)
            return;
    }
    reap_all(init);
}

static void serve_ssh(struct init *init)
{
    const struct ssh_plan plan = {.limits = &init->limits,
                                  .working_dir = init->working_dir,
                                  .connection = &init->connection,
                                  .children = init->children};
    ssh_serve(&plan, &init->ending);
}

/* --- its start --- */

static int prepare(struct init *init)
{
    sigset_t all, child;
    *init = (struct init){.connection = {.fd = -1, .fds = {-1, -1, -1}}};
    prctl(PR_SET_DUMPABLE, 0);
    child_reset_signals();
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    init->children = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    messenger_open(&init->messenger, -1, -1);
    return init->children < 0 ? -errno : 0;
}

/* Waits for what the run is given. */
static int get_ready(struct init *init)
{
    const struct message ready = {.type = MESSAGE_INIT_READY};
    if (!control_open())
        return drop_in_open(&init->connection, &init->messenger, &init->limits);
    /* It keeps what it has, and executes nothing that is to have more. Where it may not, it has
     * none, or those of a student who is root. */
    child_drop_bounds();
    control_send(&ready);
    control_receive_assign(&init->limits, &init->connection.fd);
    return 0;
}

/* The exit code: INGInious's agent has nothing else of the run's end. */
static int finish(struct init *init)
{
    if (control_fd() >= 0)
        return EXIT_SUCCESS;
    if (*init->ending.reason)
        dprintf(STDERR_FILENO, "student-init: %s\n", init->ending.reason);
    return init->ending.retval;
}

int main(void)
{
    static struct init init;
    struct message running = {.type = MESSAGE_INIT_RUNNING};
    if (prepare(&init) < 0 || get_ready(&init) < 0)
        return EXIT_FAILURE;
    init.deadline = monotonic_ns() + (uint64_t)init.limits.handover_ms * NS_PER_MS;
    bool is_started = hand_over(&init) == 0;
    running.init_running.since = (int64_t)monotonic_ns();
    is_started = is_started && start(&init) == 0;
    if (is_started) {
        control_send(&running);
        if (*init.words)
            attend(&init);
    }
    if (is_started && init.command.ssh && init.ending.termination != TERMINATION_REMOVED)
        serve_ssh(&init);
    bool is_torn_down = is_started && init.ending.termination != TERMINATION_REMOVED &&
                        init.command.teardown_script.size > 0;
    end(&init.ending, is_torn_down);
    if (is_started && messenger_is_open(&init.messenger)) {
        reap_all(&init); /* then nobody writes any more */
        messenger_drain(&init.messenger);
        messenger_close(&init.messenger);
    }
    if (is_torn_down)
        run_teardown(&init);
    return finish(&init);
}
