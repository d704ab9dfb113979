/* Pipes for the student's command. */
#include "test.h"

#include "base/student.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void check(int reading, int writing, int ours, int theirs)
{
    char byte = 0;
    assert_int_equal(write(writing, "x", 1), 1);
    assert_int_equal(read(reading, &byte, 1), 1);
    assert_int_equal(byte, 'x');
    assert_true(fcntl(ours, F_GETFL) & O_NONBLOCK);
    assert_false(fcntl(theirs, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(ours, F_GETFD) & fcntl(theirs, F_GETFD) & FD_CLOEXEC);
    close(ours);
    close(theirs);
}

static void test_output(void **state)
{
    (void)state;
    int ours, theirs;
    assert_int_equal(student_pipe(0, 1 << 18, &ours, &theirs), 0);
    assert_int_equal(fcntl(ours, F_GETPIPE_SZ), 1 << 18);
    check(ours, theirs, ours, theirs);
}

static void test_input(void **state)
{
    (void)state;
    int ours, theirs, other[2];
    assert_int_equal(student_pipe(1, 0, &ours, &theirs), 0);
    assert_int_equal(pipe2(other, O_CLOEXEC), 0);
    assert_int_equal(fcntl(ours, F_GETPIPE_SZ), fcntl(other[0], F_GETPIPE_SZ));
    close(other[0]);
    close(other[1]);
    check(theirs, ours, ours, theirs);
}

static void test_it_is_the_students(void **state)
{
    (void)state;
    int ours, theirs;
    struct stat st;
    if (geteuid() != 0)
        skip();
    assert_int_equal(student_pipe(0, 0, &ours, &theirs), 0);
    assert_int_equal(fstat(theirs, &st), 0);
    assert_int_equal(st.st_uid, STUDENT_ID);
    assert_int_equal(st.st_gid, STUDENT_ID);
    close(ours);
    close(theirs);
}

static int write_map(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    int r = file ? fputs(text, file) : -1;
    return file && fclose(file) == 0 && r >= 0 ? 0 : -1;
}

/* In a user namespace of its own: 0 if it works, 1 if not, 2 where it can have no user. */
static int of_one_user(uid_t outside)
{
    int ours, theirs;
    char map[32];
    snprintf(map, sizeof(map), "0 %u 1", outside);
    if (write_map("/proc/self/uid_map", map) < 0)
        return 2;
    return student_pipe(0, 0, &ours, &theirs) == 0 ? 0 : 1;
}

static void test_where_no_user_is_the_student(void **state)
{
    (void)state;
    int status;
    uid_t outside = geteuid();
    /* Not by unshare(), which a process with a sanitizer's thread may not. */
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0)
        _exit(of_one_user(outside));
    if (pid < 0)
        skip();
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WEXITSTATUS(status) == 2)
        skip();
    assert_int_equal(status, 0);
}

static void test_too_many_descriptors(void **state)
{
    (void)state;
    int ours = -1, theirs = -1;
    pid_t pid = fork();
    if (pid == 0) {
        while (open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0)
            ;
        _exit(student_pipe(0, 0, &ours, &theirs) == -EMFILE && ours == -1 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output),
        cmocka_unit_test(test_input),
        cmocka_unit_test(test_it_is_the_students),
        cmocka_unit_test(test_where_no_user_is_the_student),
        cmocka_unit_test(test_too_many_descriptors),
    };
    return RUN_TESTS(tests);
}
