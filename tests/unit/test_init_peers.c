/* student-init's agent, client and sandbox. */
#include "test_init_peers.h"

#include "base/cleanup.h"
#include "base/fdpass.h"
#include "test.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define CONTROL_FD 3

/* --- the sandbox --- */

static _Noreturn void become_bwrap(const char *task, int control, int log)
{
    const char *words[80] = {"bwrap",
                             "--unshare-pid",
                             "--unshare-ipc",
                             "--unshare-uts",
                             "--unshare-net",
                             "--ro-bind",
                             "/usr",
                             "/usr",
                             "--symlink",
                             "usr/bin",
                             "/bin",
                             "--symlink",
                             "usr/lib",
                             "/lib",
                             "--symlink",
                             "usr/lib64",
                             "/lib64",
                             "--proc",
                             "/proc",
                             "--dev",
                             "/dev",
                             "--perms",
                             "1777",
                             "--tmpfs",
                             "/tmp",
                             "--perms",
                             "0755",
                             "--dir",
                             "/task",
                             "--bind",
                             task,
                             "/task/student",
                             "--ro-bind",
                             STUDENT_INIT,
                             "/student-init",
                             "--new-session",
                             "--as-pid-1",
                             "--clearenv",
                             "--die-with-parent",
                             "--setenv",
                             "PATH",
                             "/usr/bin:/task/student/bin:/bin",
                             "--setenv",
                             "HOME",
                             "/task",
                             "--chdir",
                             "/",
                             "--cap-drop",
                             "ALL"};
    static const char *const as_root[] = {"--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID",
                                          "--cap-add", "CAP_KILL",   "--cap-add", "CAP_SETPCAP"};
    static const char *const as_user[] = {"--unshare-user", "--uid", "4242", "--gid", "4242"};
    size_t n = 0;
    while (words[n])
        n++;
    const bool is_root = geteuid() == 0;
    const size_t n_more = is_root ? N_ELEMENTS(as_root) : N_ELEMENTS(as_user);
    for (size_t i = 0; i < n_more; i++)
        words[n++] = is_root ? as_root[i] : as_user[i];
    words[n] = "/student-init";
    int null = open("/dev/null", O_RDWR);
    control = fcntl(control, F_DUPFD, 16);
    log = fcntl(log, F_DUPFD, 16);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    dup2(control, CONTROL_FD);
    close_range(CONTROL_FD + 1, ~0u, 0);
    execvp(words[0], (char **)(uintptr_t)words);
    _exit(99);
}

void box_open(struct box *box)
{
    char bytes[4096];
    int control[2], log[2];
    *box = (struct box){.connection = -1, .in = -1, .out = -1, .err = -1};
    alarm(HANG_SECONDS);
    strcpy(box->task, "/tmp/studentfs-init-XXXXXX");
    assert_non_null(mkdtemp(box->task));
    assert_int_equal(chmod(box->task, 0777), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control), 0);
    assert_int_equal(pipe2(log, O_CLOEXEC), 0);
    box->maker = fork();
    if (box->maker == 0)
        become_bwrap(box->task, control[1], log[1]);
    assert_true(box->maker > 0);
    close(control[1]);
    close(log[1]);
    box->control = control[0];
    box->log = log[0];
    box_receive(box, MESSAGE_INIT_READY, bytes);
}

int box_close(struct box *box)
{
    int status;
    char command[128];
    fd_clear(&box->control);
    fd_clear(&box->connection);
    assert_int_equal(waitpid(box->maker, &status, 0), box->maker);
    fd_clear(&box->in);
    fd_clear(&box->out);
    fd_clear(&box->err);
    fd_clear(&box->log);
    snprintf(command, sizeof(command), "rm -rf %s", box->task);
    assert_int_equal(system(command), 0);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* --- the agent --- */

void box_let_teardown(struct box *box)
{
    const struct message message = {.type = MESSAGE_INIT_TEARDOWN};
    char *bytes;
    size_t size;
    assert_int_equal(message_encode(&message, &bytes, &size), 0);
    assert_int_equal(fdpass_send(box->control, bytes, size, NULL, 0), size);
    free(bytes);
}

void box_assign(struct box *box, const struct message_init_assign *limits)
{
    struct message message = {.type = MESSAGE_INIT_ASSIGN, .init_assign = *limits};
    char *bytes, hello;
    size_t size;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(message_encode(&message, &bytes, &size), 0);
    assert_int_equal(fdpass_send(box->control, bytes, size, &pair[1], 1), size);
    free(bytes);
    close(pair[1]);
    box->connection = pair[0];
    assert_int_equal(read(box->connection, &hello, 1), 1);
    assert_int_equal(hello, 'H');
}

static void wait_readable(int fd)
{
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&readable, 1, -1), 1);
}

struct message box_receive(struct box *box, enum message_type type, char bytes[4096])
{
    struct message message;
    wait_readable(box->control);
    ssize_t size = fdpass_receive(box->control, bytes, 4096, NULL, 0, NULL, NULL);
    if (size <= 0) {
        char log[400];
        read_text(box->log, log, sizeof(log));
        fail_msg("init is gone: %s", log);
    }
    assert_int_equal(message_decode(bytes, (size_t)size, &message), 0);
    assert_int_equal(message.type, type);
    return message;
}

void box_expect_running(struct box *box)
{
    char bytes[4096];
    box_receive(box, MESSAGE_INIT_RUNNING, bytes);
}

void box_expect_end(struct box *box, int retval, enum termination termination, const char *reason)
{
    char bytes[4096], told[400] = "";
    struct message_init_ended ended = box_receive(box, MESSAGE_INIT_ENDED, bytes).init_ended;
    if (ended.reason.data)
        snprintf(told, sizeof(told), "%.*s", (int)ended.reason.size, ended.reason.data);
    if (reason ? !strstr(told, reason) : *told)
        fail_msg("the reason is '%s', not '%s'", told, reason ? reason : "");
    assert_null(strchr(told, '\n'));
    assert_int_equal(ended.retval, retval);
    assert_int_equal(termination_of(ended.termination), termination);
    assert_int_equal(ended.signal, termination == TERMINATION_SIGNAL ? retval - 128 : 0);
}

/* --- the client --- */

void box_send(struct box *box, const void *data, size_t size)
{
    for (size_t sent = 0; sent < size;) {
        ssize_t n = send(box->connection, (const char *)data + sent, size - sent, MSG_NOSIGNAL);
        assert_true(n > 0);
        sent += (size_t)n;
    }
}

void box_send_fds(struct box *box, size_t n_fds, const void *data, size_t size)
{
    int in[2], out[2], err[2];
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(pipe2(err, O_CLOEXEC), 0);
    const int fds[] = {in[0], out[1], err[1], err[1]};
    char *bytes = malloc(1 + size);
    assert_non_null(bytes);
    bytes[0] = 'S';
    if (size > 0)
        memcpy(bytes + 1, data, size);
    ssize_t n = fdpass_send(box->connection, bytes, 1 + size, fds, n_fds);
    assert_true(n > 0);
    /* What is too long for the socket's buffer follows on its own. */
    box_send(box, bytes + n, 1 + size - (size_t)n);
    free(bytes);
    close(in[0]);
    close(out[1]);
    close(err[1]);
    box->in = in[1];
    box->out = out[0];
    box->err = err[0];
}

char *command_map(const struct message_run_student_command *command, size_t *ret_size)
{
    struct message message = {.type = MESSAGE_RUN_STUDENT_COMMAND, .run_student_command = *command};
    char *map;
    assert_int_equal(message_encode(&message, &map, ret_size), 0);
    return map;
}

void box_start(struct box *box, const struct message_run_student_command *command)
{
    static const struct message_init_assign limits = {.open_files = 64, .handover_ms = 10000};
    size_t size;
    char *map = command_map(command, &size);
    box_open(box);
    box_assign(box, &limits);
    box_send_fds(box, 3, map, size);
    free(map);
}

/* --- whole runs --- */

struct message_run_student_command command_of(const char *command)
{
    return (struct message_run_student_command){
        .command = text_of(command), .working_dir = text_of("/task"), .user = text_of("worker")};
}

void box_run(struct box *box, const char *command)
{
    const struct message_run_student_command message = command_of(command);
    box_start(box, &message);
    box_expect_running(box);
}

void expect_run(const char *command, int retval, const char *output)
{
    struct box box;
    char text[8192];
    box_run(&box, command);
    read_text(box.out, text, sizeof(text));
    assert_string_equal(text, output);
    box_expect_end(&box, retval, TERMINATION_EXITED, NULL);
    assert_int_equal(box_close(&box), 0);
}

/* --- streams --- */

void read_text(int fd, char *ret_text, size_t size)
{
    size_t used = 0;
    ssize_t n = 1;
    while (n > 0 && used < size - 1) {
        n = read(fd, ret_text + used, size - 1 - used);
        assert_true(n >= 0);
        used += (size_t)n;
    }
    ret_text[used] = 0;
}

void expect_end_of(int fd)
{
    char byte;
    assert_int_equal(read(fd, &byte, 1), 0);
}

void expect_line(int fd, const char *line)
{
    char text[64];
    read_text(fd, text, strlen(line) + 1);
    assert_string_equal(text, line);
}
