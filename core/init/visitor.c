/* Somebody who is in by ssh. */
#include "visitor.h"

#include "as_student.h"
#include "base/cleanup.h"
#include "base/fdpass.h"
#include "base/loop.h"
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define STUDENT_DIRECTORY   "/task/student"
#define LOG_NAME            ".ssh_logs" /* INGInious's */
#define LOG_MODE            0644
#define EXECUTION_NS        (10 * NS_PER_S)
#define DIRECTORY_OTHERWISE "/task"

/* --- the log --- */

/* The student can put anything there: no link is followed, and nothing but a file is written. */
static int open_log(void)
{
    struct stat stat;
    struct open_how how = {.flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK |
                                    O_NOCTTY | O_CLOEXEC,
                           .mode = LOG_MODE,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    _cleanup_close_ int student = open(STUDENT_DIRECTORY, O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ int log = (int)syscall(SYS_openat2, student, LOG_NAME, &how, sizeof(how));
    if (log < 0 || fstat(log, &stat) < 0 || !S_ISREG(stat.st_mode))
        return -1;
    return fd_steal(&log);
}

static void write_log(const struct visitor *visitor, const char *what)
{
    char date[64];
    time_t now = time(NULL);
    struct tm parts;
    if (visitor->log < 0)
        return;
    strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S UTC", gmtime_r(&now, &parts));
    dprintf(visitor->log, "%s: %s\n", what, date);
}

/* --- its program --- */

/* A login shell, or one command for it. */
static void set_words(char *words[4], char *command)
{
    static char bash[] = "/bin/bash", sh[] = "/bin/sh", login[] = "-l", one[] = "-c";
    words[0] = access(bash, X_OK) == 0 ? bash : sh;
    words[1] = *command ? one : login;
    words[2] = *command ? command : NULL;
    words[3] = NULL;
}

static int execute(struct visitor *visitor, struct plan *plan)
{
    struct child child;
    struct ending ignored;
    int r = child_start(plan, &child);
    if (r == 0)
        r = child_wait_executed(&child, plan, monotonic_ns() + EXECUTION_NS, &ignored);
    if (r == 0)
        visitor->pid = child.pid;
    return r;
}

static int answer(const struct visitor *visitor, const struct session_streams *streams,
                  bool has_terminal)
{
    const struct session_message started = {
        .kind = SESSION_STARTED, .has_terminal = has_terminal, .has_log = visitor->log >= 0};
    int fds[SESSION_FDS_MAX];
    size_t n = streams->n_server;
    memcpy(fds, streams->server, n * sizeof(int));
    if (visitor->log >= 0)
        fds[n++] = visitor->log;
    ssize_t sent = fdpass_send(visitor->fd, &started, sizeof(started), fds, n);
    return sent < 0 ? (int)sent : 0;
}

static int start(struct visitor *visitor, const struct visitor_plan *shared,
                 const struct session_message *asked, char *command)
{
    char *words[4];
    struct session_streams streams;
    struct plan plan = {.words = words,
                        .working_dir = shared->working_dir,
                        .fds = streams.program,
                        .limits = shared->limits,
                        .terminal = asked->has_terminal ? asked->terminal : NULL};
    set_words(words, command);
    as_student_begin(shared->limits);
    visitor->log = open_log();
    int r = session_streams_open(&streams, asked);
    as_student_end(shared->limits);
    if (r < 0)
        return r;
    write_log(visitor, "LOGIN");
    if (visitor->log >= 0 && *command)
        dprintf(visitor->log, "$ %s\n", command);
    r = execute(visitor, &plan);
    plan.working_dir = DIRECTORY_OTHERWISE; /* the student may have removed the other */
    if (r < 0 && execute(visitor, &plan) == 0)
        r = 0;
    if (r == 0)
        r = answer(visitor, &streams, asked->has_terminal);
    session_streams_close(&streams);
    return r;
}

static void say_ended(const struct visitor *visitor, int retval, int signal)
{
    const struct session_message ended = {
        .kind = SESSION_ENDED, .retval = retval, .signal = signal};
    fdpass_send(visitor->fd, &ended, sizeof(ended), NULL, 0);
}

/* --- from the server --- */

static void take(struct visitor *visitor, const struct visitor_plan *plan,
                 struct session_message *asked, char *command)
{
    asked->terminal[SESSION_TERMINAL_MAX - 1] = 0;
    if (asked->kind == SESSION_START && !visitor->has_started) {
        visitor->has_started = true;
        if (start(visitor, plan, asked, command) < 0)
            say_ended(visitor, RETVAL_FAILED, 0);
    } else if (asked->kind == SESSION_SIGNAL && visitor->pid > 0 && asked->signal > 0) {
        kill(-visitor->pid, asked->signal);
    }
}

int visitor_read(struct visitor *visitor, const struct visitor_plan *plan)
{
    static struct {
        struct session_message asked;
        char command[SESSION_COMMAND_MAX + 1];
    } message;
    ssize_t n = fdpass_receive(visitor->fd, &message, sizeof(message) - 1, NULL, 0, NULL, NULL);
    if (n == -EAGAIN || n == -EINTR)
        return 0;
    if (n < (ssize_t)sizeof(message.asked))
        return -EPIPE;
    message.command[(size_t)n - sizeof(message.asked)] = 0;
    take(visitor, plan, &message.asked, message.command);
    return 0;
}

void visitor_program_ended(struct visitor *visitor, int status)
{
    visitor->pid = 0;
    if (WIFSIGNALED(status))
        say_ended(visitor, RETVAL_SIGNAL + WTERMSIG(status), WTERMSIG(status));
    else
        say_ended(visitor, WEXITSTATUS(status), 0);
}

void visitor_enter(struct visitor *visitor, int fd)
{
    *visitor = (struct visitor){.fd = fd, .log = -1};
}

void visitor_leave(struct visitor *visitor)
{
    if (visitor->pid > 0) {
        kill(-visitor->pid, SIGHUP);
        kill(-visitor->pid, SIGCONT);
    }
    if (visitor->has_started)
        write_log(visitor, "\nLOGOUT");
    visitor->pid = 0;
    fd_clear(&visitor->log);
    fd_clear(&visitor->fd);
}
