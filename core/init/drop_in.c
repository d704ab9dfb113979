/* student-init without an agent of ours. */
#include "drop_in.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define PARENT_SOCKET "/__parent.sock"
#define PROCESSES     1000 /* section 7 of the protocol */
#define HOME          "/task"
/* Agent and client have their own bounds; this one ends what they forgot. */
#define HANDOVER_MS 60000

static int fail(const char *what, int error)
{
    dprintf(STDERR_FILENO, "student-init: %s: %s\n", what, strerrordesc_np(-error));
    return error;
}

/* -ENOENT: there is no such socket. */
static int connect_to_parent(void)
{
    const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = PARENT_SOCKET};
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    return fd_steal(&fd);
}

/* Whatever was there: the teardown script's streams are these. */
static int place_null(void)
{
    _cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    return null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ? -errno : 0;
}

static int take_streams(struct messenger *messenger)
{
    _cleanup_close_ int in = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    _cleanup_close_ int out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (in < 0 || out < 0)
        return -errno;
    messenger_open(messenger, fd_steal(&in), fd_steal(&out));
    return 0;
}

int drop_in_open(struct connection *connection, struct messenger *messenger,
                 struct message_init_assign *ret_limits)
{
    *ret_limits = (struct message_init_assign){.processes = PROCESSES, .handover_ms = HANDOVER_MS};
    /* It ends whatever it may signal, and is alone to be its own child's guard, only as that. */
    if (getpid() != 1)
        return fail("it is to be process 1 of a student's container", -EPERM);
    if (setenv("HOME", HOME, 1) < 0)
        return fail("HOME", -errno);
    connection->fd = connect_to_parent();
    int r = connection->fd < 0 ? connection->fd : 0;
    if (r < 0 && r != -ENOENT)
        return fail(PARENT_SOCKET, r);
    if (r == -ENOENT) {
        connection->fd = -1;
        r = take_streams(messenger);
    }
    if (r == 0)
        r = place_null();
    return r < 0 ? fail("standard input and output", r) : 0;
}

/* --- /task/systemfiles --- */

/* No link is followed: what it leads to would be shown to the student. */
static int open_system_file(const char *path)
{
    struct stat st;
    _cleanup_close_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) < 0)
        return -errno;
    return S_ISREG(st.st_mode) ? fd_steal(&fd) : -EINVAL;
}

static int copy(int from, int to)
{
    char bytes[4096];
    for (;;) {
        ssize_t n = read(from, bytes, sizeof(bytes));
        if (n <= 0)
            return n < 0 ? -errno : 0;
        if (write(to, bytes, (size_t)n) != n)
            return -EIO; /* a full disk */
    }
}

int drop_in_system_files(void)
{
    static const struct {
        const char *from, *to;
        int flag;
    } files[] = {{"/task/systemfiles/hosts", "/etc/hosts", O_APPEND},
                 {"/task/systemfiles/resolv.conf", "/etc/resolv.conf", O_TRUNC}};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        _cleanup_close_ int from = open_system_file(files[i].from);
        if (from == -ENOENT || from == -ENOTDIR)
            continue;
        if (from < 0)
            return fail(files[i].from, from);
        _cleanup_close_ int to =
            open(files[i].to, O_WRONLY | O_CREAT | O_CLOEXEC | files[i].flag, 0644);
        int r = to < 0 ? -errno : copy(from, to);
        if (r < 0)
            return fail(files[i].to, r);
    }
    return 0;
}
