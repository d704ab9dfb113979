/* Descriptors of the caller's: never waited for, left as they were, and no SIGPIPE. */
#include "test.h"

#include "base/loop.h"
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOBODY  65534
#define BYTES_N 300000
#define CLOSED  (-1)

enum { READER = 0, WRITER = 1 };

struct fixture {
    struct stream stream;
    struct loop loop;
    int told;
    int other; /* the end that is not the stream's */
    int kept;  /* the caller's: of the same file description as the stream's first */
};

static void on_stream(struct stream *stream)
{
    container_of(stream, struct fixture, stream)->told++;
}

/* Whether it may be opened again by its name: not by a user whose it is not. */
static void open_stream(struct fixture *fixture, int fd, bool is_output, bool is_denied)
{
    bool is_root = geteuid() == 0;
    assert_int_equal(loop_init(&fixture->loop), 0);
    fixture->told = 0;
    fixture->kept = dup(fd);
    if (is_denied) {
        assert_int_equal(fchmod(fd, 0), 0);
        assert_int_equal(is_root ? seteuid(NOBODY) : 0, 0);
    }
    stream_open(&fixture->stream, &fixture->loop, fd, is_output, on_stream);
    assert_int_equal(is_denied && is_root ? seteuid(0) : 0, 0);
    assert_int_equal(fcntl(fixture->kept, F_GETFL) & O_NONBLOCK, 0);
}

static void open_pipe(struct fixture *fixture, bool is_output, bool is_denied)
{
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    fixture->other = fds[is_output ? READER : WRITER];
    open_stream(fixture, fds[is_output ? WRITER : READER], is_output, is_denied);
}

static void open_socket(struct fixture *fixture, bool is_output)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    fixture->other = fds[0];
    open_stream(fixture, fds[1], is_output, false);
}

/* The stream is the program's side; `other` the person's. */
static void open_terminal(struct fixture *fixture, bool is_output, bool is_denied)
{
    struct termios raw = {0};
    int slave;
    cfmakeraw(&raw);
    raw.c_cc[VMIN] = 1;
    assert_int_equal(openpty(&fixture->other, &slave, NULL, &raw, NULL), 0);
    open_stream(fixture, slave, is_output, is_denied);
}

static void close_all(struct fixture *fixture)
{
    stream_close(&fixture->stream);
    stream_close(&fixture->stream); /* harmless */
    assert_false(stream_is_open(&fixture->stream));
    close(fixture->kept);
    if (fixture->other != CLOSED)
        close(fixture->other);
    loop_deinit(&fixture->loop);
}

/* Once, and only then. */
static void assert_told(struct fixture *fixture, int told)
{
    uint64_t deadline = monotonic_ns() + 10 * NS_PER_S;
    while (fixture->told < told) {
        assert_true(monotonic_ns() < deadline);
        assert_int_equal(loop_dispatch(&fixture->loop, 1000), 0);
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(loop_dispatch(&fixture->loop, 0), 0);
    assert_int_equal(fixture->told, told);
}

static unsigned char byte_at(size_t at)
{
    return (unsigned char)(at * 31 + at / 251);
}

/* As much as the other end takes or has; an alarm ends a call that waits. */
static void write_through(struct fixture *fixture)
{
    static unsigned char data[BYTES_N], back[BYTES_N];
    size_t sent = 0, got = 0;
    int waits = 0;
    for (size_t i = 0; i < BYTES_N; i++)
        data[i] = byte_at(i);
    fcntl(fixture->other, F_SETFL, O_NONBLOCK);
    while (got < BYTES_N) {
        ssize_t n =
            sent < BYTES_N ? stream_write(&fixture->stream, data + sent, BYTES_N - sent) : -EAGAIN;
        waits += n == -EAGAIN;
        assert_true(n > 0 || n == -EAGAIN);
        sent += n > 0 ? (size_t)n : 0;
        n = n == -EAGAIN ? read(fixture->other, back + got, BYTES_N - got) : 0;
        got += n > 0 ? (size_t)n : 0;
    }
    assert_true(waits > 0);
    assert_memory_equal(data, back, BYTES_N);
    assert_int_equal(fcntl(fixture->kept, F_GETFL) & O_NONBLOCK, 0);
}

static void read_through(struct fixture *fixture)
{
    unsigned char byte = 7, data[16];
    assert_int_equal(stream_read(&fixture->stream, data, sizeof(data)), -EAGAIN);
    stream_wait(&fixture->stream);
    assert_told(fixture, 0);
    assert_int_equal(write(fixture->other, &byte, 1), 1);
    assert_told(fixture, 1);
    assert_int_equal(stream_read(&fixture->stream, data, sizeof(data)), 1);
    assert_int_equal(data[0], 7);
    assert_int_equal(stream_read(&fixture->stream, data, sizeof(data)), -EAGAIN);
}

static void test_pipes(void **state)
{
    (void)state;
    struct fixture fixture;
    for (int is_denied = 0; is_denied < 2; is_denied++) {
        open_pipe(&fixture, true, is_denied);
        assert_int_equal(fixture.stream.kind, is_denied ? STREAM_SHARED : STREAM_PLAIN);
        write_through(&fixture);
        close_all(&fixture);
        open_pipe(&fixture, false, is_denied);
        assert_int_equal(fixture.stream.kind, is_denied ? STREAM_SHARED : STREAM_PLAIN);
        read_through(&fixture);
        close(fixture.other);
        fixture.other = CLOSED;
        char byte;
        assert_int_equal(stream_read(&fixture.stream, &byte, 1), 0);
        close_all(&fixture);
    }
}

static void test_terminals(void **state)
{
    (void)state;
    struct fixture fixture;
    for (int is_denied = 0; is_denied < 2; is_denied++) {
        open_terminal(&fixture, true, is_denied);
        assert_int_equal(fixture.stream.kind, is_denied ? STREAM_SHARED : STREAM_PLAIN);
        write_through(&fixture);
        close_all(&fixture);
        open_terminal(&fixture, false, is_denied);
        read_through(&fixture);
        close_all(&fixture);
    }
}

static void test_sockets(void **state)
{
    (void)state;
    struct fixture fixture;
    open_socket(&fixture, true);
    assert_int_equal(fixture.stream.kind, STREAM_SOCKET);
    write_through(&fixture);
    close_all(&fixture);
    open_socket(&fixture, false);
    read_through(&fixture);
    close_all(&fixture);
}

/* The wrong end of a pipe is not made the right one: who has that would be robbed of bytes. */
static void test_wrong_ends(void **state)
{
    (void)state;
    for (int is_output = 0; is_output < 2; is_output++) {
        struct fixture fixture;
        int fds[2], there;
        char byte = 'x';
        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        assert_int_equal(write(fds[WRITER], &byte, 1), 1);
        fixture.other = fds[is_output ? WRITER : READER];
        open_stream(&fixture, fds[is_output ? READER : WRITER], is_output, false);
        ssize_t n = is_output ? stream_write(&fixture.stream, &byte, 1)
                              : stream_read(&fixture.stream, &byte, 1);
        assert_int_equal(n, -EBADF);
        assert_int_equal(ioctl(fixture.kept, FIONREAD, &there), 0);
        assert_int_equal(there, 1);
        close_all(&fixture);
    }
}

/* epoll refuses it, and it is always ready. */
static void test_files(void **state)
{
    (void)state;
    struct fixture fixture = {.other = CLOSED};
    char name[] = "/tmp/studentfs-stream-XXXXXX", data[4];
    int fd = mkstemp(name);
    assert_int_equal(unlink(name), 0);
    open_stream(&fixture, fd, true, false);
    assert_int_equal(stream_write(&fixture.stream, "abc", 3), 3);
    stream_wait(&fixture.stream);
    assert_told(&fixture, 1);
    stream_wait_for_end(&fixture.stream);
    assert_told(&fixture, 1);
    assert_false(stream_is_broken(&fixture.stream));
    assert_int_equal(pread(fixture.kept, data, sizeof(data), 0), 3);
    close_all(&fixture);
}

/* --- nobody reads any more --- */

static volatile sig_atomic_t n_broken;

static void on_broken(int signal)
{
    (void)signal;
    n_broken++;
}

static void assert_broken(struct fixture *fixture)
{
    assert_false(stream_is_broken(&fixture->stream));
    stream_wait_for_end(&fixture->stream);
    assert_told(fixture, 0);
    close(fixture->other);
    fixture->other = CLOSED;
    assert_told(fixture, 1);
    assert_true(stream_is_broken(&fixture->stream));
}

/* It is noticed with nothing to write, and writing raises no signal, caught or not. */
static void test_the_end(void **state)
{
    (void)state;
    struct fixture fixture;
    signal(SIGPIPE, on_broken);
    for (int i = 0; i < 4; i++) {
        if (i == 3)
            open_terminal(&fixture, true, false);
        else if (i == 2)
            open_socket(&fixture, true);
        else
            open_pipe(&fixture, true, i == 1);
        assert_broken(&fixture);
        assert_int_equal(stream_write(&fixture.stream, "x", 1), i == 3 ? -EIO : -EPIPE);
        close_all(&fixture);
    }
    assert_int_equal(n_broken, 0);
    signal(SIGPIPE, SIG_DFL);
    open_pipe(&fixture, true, false);
    assert_broken(&fixture);
    assert_int_equal(stream_write(&fixture.stream, "x", 1), -EPIPE);
    close_all(&fixture);
}

/* A pipe that nobody reads cannot be opened again; it is one all the same. */
static void test_broken_from_the_start(void **state)
{
    (void)state;
    struct fixture fixture;
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    close(fds[READER]);
    fixture.other = CLOSED;
    open_stream(&fixture, fds[WRITER], true, false);
    assert_true(stream_is_broken(&fixture.stream));
    stream_wait_for_end(&fixture.stream);
    assert_told(&fixture, 1);
    close_all(&fixture);
}

/* A terminal's other side takes bytes, also while nobody has it open: no end, and no busy loop. */
static void test_a_master(void **state)
{
    (void)state;
    struct fixture fixture;
    int master, slave;
    assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
    fixture.other = slave;
    open_stream(&fixture, master, true, false);
    close(slave);
    fixture.other = CLOSED;
    assert_false(stream_is_broken(&fixture.stream));
    assert_int_equal(stream_write(&fixture.stream, "x", 1), 1);
    stream_wait_for_end(&fixture.stream);
    for (int i = 0; i < 3; i++)
        assert_int_equal(loop_dispatch(&fixture.loop, 0), 0);
    assert_true(fixture.told <= 1);
    close_all(&fixture);
}

/* One that somebody sent to this thread before is his, and stays. */
static void test_a_pending_signal_stays(void **state)
{
    (void)state;
    struct fixture fixture;
    sigset_t set, pending;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGPIPE);
    open_pipe(&fixture, true, false);
    close(fixture.other);
    fixture.other = CLOSED;
    assert_int_equal(stream_write(&fixture.stream, "x", 1), -EPIPE);
    sigpending(&pending);
    assert_true(sigismember(&pending, SIGPIPE));
    assert_int_equal(sigtimedwait(&set, NULL, &(struct timespec){0}), SIGPIPE);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    close_all(&fixture);
}

int main(void)
{
    alarm(60); /* a call that waits */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pipes),
        cmocka_unit_test(test_terminals),
        cmocka_unit_test(test_sockets),
        cmocka_unit_test(test_wrong_ends),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_the_end),
        cmocka_unit_test(test_broken_from_the_start),
        cmocka_unit_test(test_a_master),
        cmocka_unit_test(test_a_pending_signal_stays),
    };
    return RUN_TESTS(tests);
}
