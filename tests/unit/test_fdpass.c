/* Bytes and descriptors over a socket pair. */
#include "test.h"

#include "base/fdpass.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void pair(int type, int sockets[2])
{
    assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, sockets), 0);
}

static void close_pair(const int sockets[2])
{
    close(sockets[0]);
    close(sockets[1]);
}

static void test_fds(void **state)
{
    (void)state;
    int sockets[2], pipes[2], fds[FDPASS_MAX];
    size_t n_fds;
    char data[8];
    pair(SOCK_STREAM, sockets);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    assert_int_equal(fdpass_send(sockets[0], "abc", 3, pipes, 2), 3);
    assert_int_equal(fdpass_receive(sockets[1], data, sizeof(data), fds, FDPASS_MAX, &n_fds, NULL),
                     3);
    assert_memory_equal(data, "abc", 3);
    assert_int_equal(n_fds, 2);
    assert_true(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
    assert_int_equal(write(fds[1], "x", 1), 1);
    assert_int_equal(read(pipes[0], data, 1), 1);
    close_pair(fds);
    close_pair(pipes);
    close_pair(sockets);
}

/* Descriptors may be open that were inherited: only the difference tells. */
static int count_open_fds(void)
{
    int n = 0;
    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* Of three, one is asked for: the others are closed, or this process would have them open. */
static void test_too_many_fds(void **state)
{
    (void)state;
    int sockets[2], pipes[2], fd;
    size_t n_fds;
    char byte;
    pair(SOCK_STREAM, sockets);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    int three[3] = {pipes[0], pipes[1], pipes[1]};
    int n_open = count_open_fds();
    assert_int_equal(fdpass_send(sockets[0], "x", 1, three, 3), 1);
    assert_int_equal(fdpass_receive(sockets[1], &byte, 1, &fd, 1, &n_fds, NULL), 1);
    assert_int_equal(n_fds, 1);
    assert_true(fcntl(fd, F_GETFD) >= 0);
    assert_int_equal(count_open_fds(), n_open + 1);
    close(fd);
    int many[FDPASS_MAX + 1] = {0};
    assert_int_equal(fdpass_send(sockets[0], "x", 1, many, FDPASS_MAX + 1), -E2BIG);
    close_pair(pipes);
    close_pair(sockets);
}

static void test_ends(void **state)
{
    (void)state;
    int sockets[2];
    char byte;
    pair(SOCK_STREAM, sockets);
    assert_int_equal(fdpass_receive(sockets[1], &byte, 1, NULL, 0, NULL, NULL), -EAGAIN);
    close(sockets[0]);
    assert_int_equal(fdpass_receive(sockets[1], &byte, 1, NULL, 0, NULL, NULL), 0);
    assert_int_equal(fdpass_send(sockets[1], "x", 1, NULL, 0), -EPIPE);
    assert_int_equal(fdpass_send(-1, "x", 1, NULL, 0), -EBADF);
    close(sockets[1]);
}

static void test_full(void **state)
{
    (void)state;
    int sockets[2];
    static char block[1 << 20];
    pair(SOCK_STREAM, sockets);
    ssize_t n = fdpass_send(sockets[0], block, sizeof(block), NULL, 0);
    assert_true(n > 0 && n < (ssize_t)sizeof(block)); /* some, and no waiting */
    while (n > 0)
        n = fdpass_send(sockets[0], block, sizeof(block), NULL, 0);
    assert_int_equal(n, -EAGAIN);
    close_pair(sockets);
}

static void test_sender(void **state)
{
    (void)state;
    int sockets[2], on = 1;
    pid_t pid = -1;
    char byte;
    pair(SOCK_SEQPACKET, sockets);
    assert_int_equal(setsockopt(sockets[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
    assert_int_equal(fdpass_send(sockets[0], "x", 1, NULL, 0), 1);
    assert_int_equal(fdpass_receive(sockets[1], &byte, 1, NULL, 0, NULL, &pid), 1);
    assert_int_equal(pid, getpid());
    close_pair(sockets);
}

/* A datagram that is too long is refused whole, with its descriptor. */
static void test_truncated(void **state)
{
    (void)state;
    int sockets[2], fd = -1;
    size_t n_fds = 9;
    char byte;
    pair(SOCK_SEQPACKET, sockets);
    assert_int_equal(fdpass_send(sockets[0], "xy", 2, (int[]){sockets[0]}, 1), 2);
    assert_int_equal(fdpass_receive(sockets[1], &byte, 1, &fd, 1, &n_fds, NULL), -EMSGSIZE);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    close_pair(sockets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fds),    cmocka_unit_test(test_too_many_fds),
        cmocka_unit_test(test_ends),   cmocka_unit_test(test_full),
        cmocka_unit_test(test_sender), cmocka_unit_test(test_truncated),
    };
    return RUN_TESTS(tests);
}
