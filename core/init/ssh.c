/* The ssh session. */
#include "ssh.h"

#include "as_student.h"
#include "base/cleanup.h"
#include "base/fdpass.h"
#include "base/loop.h"
#include "control.h"
#include "protocol/session.h"
#include "scripts.h"
#include "visitor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#define PASSWORD_SIZE   20              /* letters of 5 bits each */
#define SERVER_BOUND_NS (30 * NS_PER_S) /* of the agent, for starting one */
#define CONTROL_MAX     1024
#define REAP_ROUND      64

struct ssh {
    const struct ssh_plan *plan;
    struct visitor_plan shared;
    const char *user;
    char password[PASSWORD_SIZE + 1];
    int session; /* to the server, -1 before and after */
    struct visitor visitors[VISITORS_MAX];
    unsigned n_visitors;
    bool was_visited, is_locked, is_over;
    uint64_t deadline; /* for the server, then for somebody */
    struct ending ending;
};

static void finish(struct ssh *ssh, int retval, enum termination termination, const char *reason)
{
    ssh->is_over = true;
    ending_of_failure(retval, termination, NULL, reason, &ssh->ending);
}

/* --- user and password --- */

/* Letters that cannot be taken for each other, on paper or on a screen. */
static int make_password(char password[PASSWORD_SIZE + 1])
{
    static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
    unsigned char random[PASSWORD_SIZE];
    if (getrandom(random, sizeof(random), 0) != sizeof(random))
        return -EIO;
    for (size_t i = 0; i < PASSWORD_SIZE; i++)
        password[i] = letters[random[i] % (sizeof(letters) - 1)];
    password[PASSWORD_SIZE] = 0;
    return 0;
}

/* Step 5 of the hand-over: a length and a map. */
static void tell_client(const struct ssh *ssh)
{
    const struct message message = {
        .type = MESSAGE_SSH_STUDENT,
        .ssh_student = {.ssh_user = text_of(ssh->user), .password = text_of(ssh->password)}};
    _cleanup_free_ char *map = NULL;
    char bytes[CONTROL_MAX];
    size_t size;
    if (message_encode(&message, &map, &size) < 0 || size > sizeof(bytes) - sizeof(uint32_t))
        return;
    const uint32_t length = htonl((uint32_t)size);
    memcpy(bytes, &length, sizeof(length));
    memcpy(bytes + sizeof(length), map, size);
    /* It has sent us little and we it a letter: there is room. Where it is gone, that is seen. */
    fdpass_send(ssh->plan->connection->fd, bytes, sizeof(length) + size, NULL, 0);
}

static void ask_for_server(const struct ssh *ssh)
{
    const struct message message = {
        .type = MESSAGE_INIT_SSH,
        .init_ssh = {.user = text_of(ssh->user), .password = text_of(ssh->password)}};
    control_send(&message);
}

/* The agent's answer, the only thing that it says: the session's socket, or why there is none. */
static void take_server(struct ssh *ssh)
{
    char bytes[CONTROL_MAX], reason[REASON_SIZE] = "there is no ssh server";
    struct message message;
    size_t n_fds = 0;
    ssize_t n = fdpass_receive(control_fd(), bytes, sizeof(bytes), &ssh->session, 1, &n_fds, NULL);
    if (n <= 0 || message_decode(bytes, (size_t)n, &message) < 0 ||
        message.type != MESSAGE_INIT_SSH || ssh->was_visited)
        _exit(EXIT_SUCCESS);
    if (n_fds == 1) {
        ssh->deadline = monotonic_ns() + (uint64_t)ssh->plan->limits->ssh_wait_ms * NS_PER_MS;
        tell_client(ssh);
        return;
    }
    if (message.init_ssh.reason.data)
        snprintf(reason, sizeof(reason), "no ssh server: %.*s", (int)message.init_ssh.reason.size,
                 message.init_ssh.reason.data);
    finish(ssh, RETVAL_FAILED, TERMINATION_FAILED, reason);
}

/* --- who is in --- */

static void enter(struct ssh *ssh, int fd)
{
    static const struct message visited = {.type = MESSAGE_INIT_VISITED};
    for (int i = 0; i < VISITORS_MAX; i++) {
        if (ssh->visitors[i].fd >= 0)
            continue;
        visitor_enter(&ssh->visitors[i], fd);
        ssh->n_visitors++;
        if (!ssh->was_visited)
            control_send(&visited);
        ssh->was_visited = true;
        return;
    }
    close(fd); /* the server counts as well: it does not come to this */
}

static void leave(struct ssh *ssh, struct visitor *visitor)
{
    visitor_leave(visitor);
    if (--ssh->n_visitors == 0) {
        ssh->is_over = true;
        ssh->ending = (struct ending){.termination = TERMINATION_EXITED};
    }
}

static void lose_server(struct ssh *ssh)
{
    fd_clear(&ssh->session);
    if (ssh->n_visitors == 0)
        finish(ssh, RETVAL_FAILED, TERMINATION_FAILED, "the ssh server has ended");
}

static void read_session(struct ssh *ssh)
{
    struct session_message message;
    int fd = -1;
    size_t n_fds = 0;
    ssize_t n = fdpass_receive(ssh->session, &message, sizeof(message), &fd, 1, &n_fds, NULL);
    if (n == -EAGAIN || n == -EINTR)
        return;
    if (n != sizeof(message))
        lose_server(ssh);
    else if (message.kind == SESSION_LOGIN && n_fds == 1)
        enter(ssh, fd);
    else if (message.kind == SESSION_LOCKED)
        ssh->is_locked = true;
    if (ssh->is_locked && !ssh->was_visited)
        finish(ssh, RETVAL_TIME, TERMINATION_WALL_TIME,
               "nobody came to the ssh session: too many wrong passwords");
}

/* --- the rest of the world --- */

/* Returns whether there may be more of them. */
static bool reap(struct ssh *ssh)
{
    struct signalfd_siginfo ignored;
    ssize_t n = read(ssh->plan->children, &ignored, sizeof(ignored));
    (void)n; /* there may be none */
    for (int i = 0; i < REAP_ROUND; i++) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid <= 0)
            return false;
        for (int j = 0; j < VISITORS_MAX; j++)
            if (ssh->visitors[j].pid == pid)
                visitor_program_ended(&ssh->visitors[j], status);
    }
    return true;
}

/* There is no command for a signal any more: one that is to end a program ends the session. */
static bool ends_session(int signal)
{
    return signal == SIGHUP || signal == SIGINT || signal == SIGQUIT || signal == SIGKILL ||
           signal == SIGTERM;
}

static void take_signals(struct ssh *ssh)
{
    for (int signal; (signal = connection_next_signal(ssh->plan->connection)) > 0;) {
        if (!ends_session(signal) || ssh->is_over)
            continue;
        ssh->is_over = true;
        ending_of_status(signal, &ssh->ending); /* as wait(2) tells of one that it killed */
    }
}

static void read_client(struct ssh *ssh)
{
    int r = connection_read(ssh->plan->connection);
    take_signals(ssh);
    if (r < 0 && !ssh->is_over)
        finish(ssh, RETVAL_FAILED, TERMINATION_REMOVED, "the client closed the connection");
}

static int timeout_ms(const struct ssh *ssh, bool has_orphans)
{
    if (has_orphans)
        return 0;
    if (ssh->was_visited)
        return -1;
    uint64_t now = monotonic_ns();
    uint64_t left = ssh->deadline > now ? (ssh->deadline - now + NS_PER_MS - 1) / NS_PER_MS : 0;
    return left < INT_MAX ? (int)left : INT_MAX;
}

static void run_out_of_time(struct ssh *ssh)
{
    char reason[REASON_SIZE];
    snprintf(reason, sizeof(reason), "nobody came to the ssh session within %g s",
             (double)ssh->plan->limits->ssh_wait_ms / 1000);
    if (ssh->session < 0)
        finish(ssh, RETVAL_FAILED, TERMINATION_FAILED, "the agent started no ssh server in time");
    else
        finish(ssh, RETVAL_TIME, TERMINATION_WALL_TIME, reason);
}

enum {
    FD_CONTROL,
    FD_CHILDREN,
    FD_CLIENT,
    FD_SESSION,
    FD_VISITORS,
    FDS = FD_VISITORS + VISITORS_MAX
};

static void set_fds(const struct ssh *ssh, struct pollfd fds[FDS])
{
    const struct connection *connection = ssh->plan->connection;
    const int watched[FD_VISITORS] = {[FD_CONTROL] = control_fd(),
                                      [FD_CHILDREN] = ssh->plan->children,
                                      [FD_CLIENT] = connection->is_silent ? -1 : connection->fd,
                                      [FD_SESSION] = ssh->session};
    for (int i = 0; i < FDS; i++)
        fds[i] =
            (struct pollfd){.fd = i < FD_VISITORS ? watched[i] : ssh->visitors[i - FD_VISITORS].fd,
                            .events = POLLIN};
}

static void look(struct ssh *ssh, const struct pollfd fds[FDS])
{
    if (fds[FD_CONTROL].revents)
        take_server(ssh);
    if (fds[FD_CLIENT].revents)
        read_client(ssh);
    if (fds[FD_SESSION].revents)
        read_session(ssh);
    for (int i = 0; i < VISITORS_MAX; i++) {
        struct visitor *visitor = &ssh->visitors[i];
        if (fds[FD_VISITORS + i].revents && visitor->fd == fds[FD_VISITORS + i].fd &&
            visitor_read(visitor, &ssh->shared) < 0)
            leave(ssh, visitor);
    }
}

static void attend(struct ssh *ssh)
{
    bool has_orphans = false;
    while (!ssh->is_over) {
        struct pollfd fds[FDS];
        set_fds(ssh, fds);
        int n = poll(fds, FDS, timeout_ms(ssh, has_orphans));
        if (n == 0 && !has_orphans)
            run_out_of_time(ssh);
        if (has_orphans || fds[FD_CHILDREN].revents)
            has_orphans = reap(ssh);
        if (n > 0)
            look(ssh, fds);
        if (!ssh->is_over && !ssh->was_visited && monotonic_ns() >= ssh->deadline)
            run_out_of_time(ssh);
    }
}

void ssh_serve(const struct ssh_plan *plan, struct ending *ret_ending)
{
    static struct ssh ssh;
    ssh = (struct ssh){.plan = plan,
                       .shared = {.limits = plan->limits, .working_dir = plan->working_dir},
                       .user = plan->limits->run_as_root ? "root" : "worker",
                       .session = -1,
                       .deadline = monotonic_ns() + SERVER_BOUND_NS};
    for (int i = 0; i < VISITORS_MAX; i++)
        ssh.visitors[i] = (struct visitor){.fd = -1, .log = -1};
    scripts_set_closed(plan->limits, true);
    if (make_password(ssh.password) < 0) {
        finish(&ssh, RETVAL_FAILED, TERMINATION_FAILED, "no password can be made");
    } else {
        ask_for_server(&ssh);
        take_signals(&ssh); /* that came with the command, where there was none to run */
        attend(&ssh);
    }
    kill(-1, SIGKILL);
    for (int i = 0; i < VISITORS_MAX; i++)
        if (ssh.visitors[i].fd >= 0)
            visitor_leave(&ssh.visitors[i]);
    fd_clear(&ssh.session);
    explicit_bzero(ssh.password, sizeof(ssh.password));
    scripts_set_closed(plan->limits, false);
    *ret_ending = ssh.ending;
}
