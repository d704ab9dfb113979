/* Reading much from a pipe. */
#include "test.h"

#include "intake.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PIPE_SIZE (1 << 20)
#define MUCH      ((size_t)700 << 10)

static char data[PIPE_SIZE], buffer[PIPE_SIZE];

static void make_pipe(int fds[2])
{
    assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
    assert_int_equal(fcntl(fds[0], F_SETPIPE_SZ, PIPE_SIZE), PIPE_SIZE);
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (char)(i * 7 / 5);
}

static void put(int fd, size_t size)
{
    assert_int_equal(write(fd, data, size), size);
}

/* As read() gives them: in order, all that is there, then -EAGAIN, and 0 after the last writer. */
static void test_all_comes_in_order(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 5000, 65535, 65536, 65537, MUCH};
    int fds[2];
    make_pipe(fds);
    for (size_t i = 0; i < N_ELEMENTS(sizes); i++) {
        put(fds[1], sizes[i]);
        size_t got = 0;
        for (ssize_t n; (n = intake_read(fds[0], buffer + got, sizeof(buffer) - got)) > 0;)
            got += (size_t)n;
        assert_int_equal(got, sizes[i]);
        assert_memory_equal(buffer, data, got);
        assert_int_equal(intake_read(fds[0], buffer, sizeof(buffer)), -EAGAIN);
    }
    close(fds[1]);
    assert_int_equal(intake_read(fds[0], buffer, sizeof(buffer)), 0);
    close(fds[0]);
}

static void test_no_more_than_there_is_room_for(void **state)
{
    (void)state;
    static const size_t rooms[] = {1, 65536, 65537, 200001};
    int fds[2];
    make_pipe(fds);
    put(fds[1], MUCH);
    size_t got = 0;
    for (size_t i = 0; i < N_ELEMENTS(rooms); i++) {
        buffer[rooms[i]] = 'x';
        ssize_t n = intake_read(fds[0], buffer, rooms[i]);
        assert_in_range(n, 1, rooms[i]);
        assert_int_equal(buffer[rooms[i]], 'x');
        assert_memory_equal(buffer, data + got, (size_t)n);
        got += (size_t)n;
    }
    close(fds[0]);
    close(fds[1]);
}

/* What a student moves there with splice() is a page of a file's, here of one that was cut off. */
static void put_page(int fd)
{
    int file = memfd_create("page", MFD_CLOEXEC);
    assert_true(file >= 0);
    assert_int_equal(write(file, data, 4096), 4096);
    off_t at = 0;
    assert_int_equal(splice(file, &at, fd, NULL, 4096, 0), 4096);
    assert_int_equal(ftruncate(file, 0), 0);
    close(file);
}

static void test_pages_of_files(void **state)
{
    (void)state;
    int fds[2];
    make_pipe(fds);
    put(fds[1], 100000);
    put_page(fds[1]);
    assert_int_equal(intake_read(fds[0], buffer, sizeof(buffer)), 104096);
    assert_memory_equal(buffer, data, 100000);
    close(fds[0]);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_comes_in_order),
        cmocka_unit_test(test_no_more_than_there_is_room_for),
        cmocka_unit_test(test_pages_of_files),
    };
    return RUN_TESTS(tests);
}
