/* The walk through the student's directory: what counts, what is not followed, and that it ends. */
#include "disk_scan.h"
#include "test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENOUGH (UINT64_C(1) << 40)

struct fixture {
    char path[64];
    int fd;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    strcpy(f->path, "/tmp/studentfs-test-XXXXXX");
    assert_non_null(mkdtemp(f->path));
    f->fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(f->fd >= 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", f->path);
    close(f->fd);
    int r = system(command);
    free(f);
    return r;
}

static void make_file(const struct fixture *f, const char *name)
{
    int fd = openat(f->fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    close(fd);
}

/* Of all that the user has, since that time; in steps of few entries. */
static uint64_t scan(const struct fixture *f, uid_t uid, const struct timespec *since,
                     uint64_t enough)
{
    struct disk_scan scan = {0};
    assert_int_equal(disk_scan_start(&scan, f->fd, uid, since, enough), 0);
    for (unsigned steps = 0; disk_scan_go_on(&scan, 3); steps++)
        assert_true(steps < 10000);
    assert_int_equal(scan.depth, 0);
    return scan.found;
}

static const struct timespec always = {0};

static void test_files_and_what_lies_below(void **state)
{
    const struct fixture *f = *state;
    char name[16];
    assert_int_equal(scan(f, geteuid(), &always, ENOUGH), 0);
    assert_int_equal(mkdirat(f->fd, "d", 0755), 0);
    assert_int_equal(mkdirat(f->fd, "d/d", 0755), 0);
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "d/d/%d", i);
        make_file(f, name);
    }
    make_file(f, "a\nb");
    assert_int_equal(scan(f, geteuid(), &always, ENOUGH), 103);
}

static void test_of_others_and_of_before(void **state)
{
    const struct fixture *f = *state;
    struct timespec later;
    make_file(f, "a");
    assert_int_equal(scan(f, geteuid() + 1, &always, ENOUGH), 0);
    assert_int_equal(fchmodat(f->fd, "a", 0666, 0), 0); /* of everybody's to write */
    assert_int_equal(scan(f, geteuid() + 1, &always, ENOUGH), 1);
    clock_gettime(CLOCK_REALTIME, &later);
    later.tv_sec++;
    assert_int_equal(scan(f, geteuid(), &later, ENOUGH), 0);
}

static void test_nothing_is_followed_or_opened(void **state)
{
    const struct fixture *f = *state;
    assert_int_equal(symlinkat("/usr", f->fd, "link"), 0);
    assert_int_equal(symlinkat(".", f->fd, "loop"), 0);
    assert_int_equal(mkfifoat(f->fd, "fifo", 0644), 0); /* to open it would wait */
    assert_int_equal(scan(f, geteuid() + 1, &always, ENOUGH), 0);
    assert_int_equal(scan(f, geteuid(), &always, ENOUGH), 3);
}

static void test_enough_ends_it(void **state)
{
    const struct fixture *f = *state;
    make_file(f, "a");
    make_file(f, "b");
    make_file(f, "c");
    assert_int_equal(scan(f, geteuid(), &always, 2), 2);
}

static void test_too_deep_is_enough(void **state)
{
    const struct fixture *f = *state;
    int at = dup(f->fd);
    for (int i = 0; i <= DISK_SCAN_DEPTH; i++) {
        assert_int_equal(mkdirat(at, "d", 0755), 0);
        int below = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(at);
        at = below;
    }
    close(at);
    assert_int_equal(scan(f, geteuid(), &always, ENOUGH), ENOUGH);
}

#define SOMEBODY 4242

/* To an agent who is not root: whoever owns it may fill it nevertheless. */
static void test_what_is_hidden_is_enough(void **state)
{
    const struct fixture *f = *state;
    struct timespec later;
    if (geteuid() == 0) {
        assert_int_equal(fchown(f->fd, SOMEBODY, SOMEBODY), 0);
        assert_int_equal(seteuid(SOMEBODY), 0);
    }
    assert_int_equal(mkdirat(f->fd, "d", 0300), 0);
    uint64_t found = scan(f, geteuid(), &always, ENOUGH);
    clock_gettime(CLOCK_REALTIME, &later);
    later.tv_sec++;
    uint64_t found_later = scan(f, geteuid(), &later, ENOUGH);
    uint64_t found_of_others = scan(f, geteuid() + 1, &always, ENOUGH);
    assert_int_equal(fchmodat(f->fd, "d", 0700, 0), 0);
    if (getuid() == 0)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(found, ENOUGH);
    assert_int_equal(found_later, 0);
    assert_int_equal(found_of_others, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_files_and_what_lies_below, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_of_others_and_of_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_is_followed_or_opened, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_enough_ends_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_deep_is_enough, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_hidden_is_enough, set_up, tear_down),
    };
    return RUN_TESTS(tests);
}
