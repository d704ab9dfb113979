/* student-init: the command's start: what is executed, where, and as whom. */
#include "base/cleanup.h"
#include "test.h"
#include "test_init_peers.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_exit_codes(void **state)
{
    (void)state;
    static const int codes[] = {0, 1, 42, 126, 143, 250, 251, 252, 253, 254, 255};
    for (size_t i = 0; i < N_ELEMENTS(codes); i++) {
        char command[32];
        snprintf(command, sizeof(command), "sh -c 'exit %d'", codes[i]);
        expect_run(command, codes[i], "");
    }
}

static void test_words(void **state)
{
    (void)state;
    expect_run("printf '[%s]' a\\ b \"c 'd'\" $HOME '*' '' #x", 0, "[a b][c 'd'][$HOME][*][][#x]");
}

static void test_no_command(void **state)
{
    (void)state;
    static const char *const none[] = {NULL, "", " \n "};
    for (size_t i = 0; i < N_ELEMENTS(none); i++)
        expect_run(none[i], 0, "No command was set for this run.\n");
}

static void test_environment(void **state)
{
    (void)state;
    expect_run("sh -c 'pwd; echo $HOME; umask'", 0, "/task\n/task\n0022\n");
}

static void test_standard_error_is_its_own(void **state)
{
    (void)state;
    struct box box;
    box_run(&box, "sh -c 'echo out; echo err >&2'");
    expect_line(box.out, "out\n");
    expect_line(box.err, "err\n");
    expect_end_of(box.err);
    box_expect_end(&box, 0, TERMINATION_EXITED, NULL);
    expect_end_of(box.log);
    assert_int_equal(box_close(&box), 0);
}

/* --- what cannot be executed --- */

static void make_file(const char *directory, const char *name, const char *text, mode_t mode)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

/* In /task/student: a directory `bin`, which is on the PATH after /usr/bin, and files. */
static void make_programs(const char *task)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/bin", task);
    assert_int_equal(mkdir(path, 0755), 0);
    assert_int_equal(chmod(path, 0755), 0);
    make_file(path, "text", "echo\n", 0644);
    make_file(path, "crlf", "#!/bin/sh\r\n", 0755);
    make_file(path, "formless", "echo\n", 0755);
    make_file(path, "good", "#!/bin/sh\nexit 6\n", 0755);
    make_file(path, "ls", "#!/bin/sh\nexit 7\n", 0755);
    assert_int_equal(symlink("nowhere", strcat(path, "/dangling")), 0);
}

static const struct {
    const char *command;
    int retval;
    const char *reason; /* NULL: it runs */
} programs[] = {
    {"no-such-program x", 127, "no-such-program: command not found"},
    {"./no-such-program", 127, "command not found"},
    {"/etc/passwd/x", 127, "command not found"},
    {"dangling", 127, "command not found"},
    {"''", 127, "command not found"},
    {"text", 126, "cannot be executed"},
    {"bin/text", 126, "cannot be executed"},
    {"/task/student", 126, "cannot be executed"},
    {"bin", 127, "command not found"},
    {"crlf", 126, "interpreter"},
    {"formless", 126, "not an executable format (no #! line?)"},
    {"bin/formless", 126, "#!"},
    {"good", 6, NULL},
    {"bin/good", 6, NULL},
    {"ls", 0, NULL}, /* PATH's first */
    {"'a\nb'", 127, "a b: command not found"},
};

static void test_programs(void **state)
{
    (void)state;
    static const struct message_init_assign limits = {.handover_ms = 10000};
    for (size_t i = 0; i < N_ELEMENTS(programs); i++) {
        struct message_run_student_command command = command_of(programs[i].command);
        struct box box;
        size_t size;
        command.working_dir = text_of("/task/student");
        _cleanup_free_ char *map = command_map(&command, &size);
        box_open(&box);
        make_programs(box.task);
        box_assign(&box, &limits);
        box_send_fds(&box, 3, map, size);
        if (!programs[i].reason)
            box_expect_running(&box);
        box_expect_end(&box, programs[i].retval,
                       programs[i].reason ? TERMINATION_FAILED : TERMINATION_EXITED,
                       programs[i].reason);
        assert_int_equal(box_close(&box), 0);
    }
}

static void test_a_word_that_is_too_long(void **state)
{
    (void)state;
    static char command[200000] = "echo ";
    struct box box;
    memset(command + 5, 'x', sizeof(command) - 6);
    const struct message_run_student_command message = command_of(command);
    box_start(&box, &message);
    box_expect_end(&box, 254, TERMINATION_FAILED, "longer than the kernel executes");
    assert_int_equal(box_close(&box), 0);
}

static void test_a_long_name_is_cut_at_a_character(void **state)
{
    (void)state;
    struct box box;
    char command[602] = "x", bytes[4096];
    while (strlen(command) < 600)
        strcat(command, "\xc3\xbc");
    const struct message_run_student_command message = command_of(command);
    box_start(&box, &message);
    struct text reason = box_receive(&box, MESSAGE_INIT_ENDED, bytes).init_ended.reason;
    /* 199 bytes of it: the 200th would be the first half of a letter. */
    assert_memory_equal(reason.data + 195, "\xc3\xbc\xc3\xbc: com", 9);
    assert_int_equal(box_close(&box), 0);
}

static const struct {
    const char *working_dir;
    const char *reason;
} directories[] = {
    {"/no/such/directory", "/no/such/directory: No such file or directory"},
    {"/usr/bin/env", "/usr/bin/env: Not a directory"},
    {"/task/student/closed", "/task/student/closed: Permission denied"},
    {"", ": No such file or directory"},
};

static void test_working_directories(void **state)
{
    (void)state;
    static const struct message_init_assign limits = {.handover_ms = 10000};
    for (size_t i = 0; i < N_ELEMENTS(directories); i++) {
        struct message_run_student_command command = command_of("true");
        struct box box;
        char path[128];
        size_t size;
        command.working_dir = text_of(directories[i].working_dir);
        _cleanup_free_ char *map = command_map(&command, &size);
        box_open(&box);
        snprintf(path, sizeof(path), "%s/closed", box.task);
        assert_int_equal(mkdir(path, geteuid() == 0 ? 0700 : 0), 0);
        box_assign(&box, &limits);
        box_send_fds(&box, 3, map, size);
        box_expect_end(&box, 254, TERMINATION_FAILED, directories[i].reason);
        assert_int_equal(box_close(&box), 0);
    }
}

/* --- who it is --- */

static void test_identity(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "Uid:\t4242\t4242\t4242\t4242\n", "Gid:\t4242\t4242\t4242\t4242\n",
        "CapInh:\t0000000000000000\n",    "CapPrm:\t0000000000000000\n",
        "CapEff:\t0000000000000000\n",    "CapBnd:\t0000000000000000\n",
        "CapAmb:\t0000000000000000\n",    "NoNewPrivs:\t1\n",
        "SigBlk:\t0000000000000000\n",    "SigIgn:\t0000000000000000\n",
    };
    struct box box;
    char text[8192];
    box_run(&box, "cat /proc/self/status");
    read_text(box.out, text, sizeof(text));
    for (size_t i = 0; i < N_ELEMENTS(lines); i++)
        if (!strstr(text, lines[i]))
            fail_msg("no %s in:\n%s", lines[i], text);
    if (geteuid() == 0)
        assert_non_null(strstr(text, "Groups:\t \n"));
    box_expect_end(&box, 0, TERMINATION_EXITED, NULL);
    assert_int_equal(box_close(&box), 0);
}

static void test_session(void **state)
{
    (void)state;
    struct box box;
    char text[1024];
    int pid, parent, group, session;
    box_run(&box, "cat /proc/self/stat");
    read_text(box.out, text, sizeof(text));
    assert_int_equal(sscanf(text, "%d (cat) R %d %d %d", &pid, &parent, &group, &session), 4);
    assert_int_equal(parent, 1);
    assert_int_equal(group, pid);
    assert_int_equal(session, pid);
    box_expect_end(&box, 0, TERMINATION_EXITED, NULL);
    assert_int_equal(box_close(&box), 0);
}

static void test_descriptors(void **state)
{
    (void)state;
    expect_run("ls /proc/self/fd", 0, "0\n1\n2\n3\n"); /* 3 is the directory that ls reads */
}

static void test_limits(void **state)
{
    (void)state;
    static const char script[] =
        "sh -c 'ulimit -Hc; ulimit -Sn; ulimit -Hn; ulimit -f; ulimit -St; ulimit -Ht; ulimit -d'";
    static const struct message_init_assign limits = {.open_files = 50,
                                                      .file_size = 5 << 20,
                                                      .cpu_seconds = 7,
                                                      .memory = 64 << 20,
                                                      .handover_ms = 10000};
    const struct message_run_student_command command = command_of(script);
    struct box box;
    size_t size;
    char text[256];
    _cleanup_free_ char *map = command_map(&command, &size);
    box_open(&box);
    box_assign(&box, &limits);
    box_send_fds(&box, 3, map, size);
    box_expect_running(&box);
    read_text(box.out, text, sizeof(text));
    /* Of blocks of 512 bytes, the core's single byte is none. */
    assert_string_equal(text, "0\n50\n50\n10240\n7\n8\n65536\n");
    box_expect_end(&box, 0, TERMINATION_EXITED, NULL);
    assert_int_equal(box_close(&box), 0);
}

static void test_init_is_out_of_reach(void **state)
{
    (void)state;
    expect_run(
        "sh -c 'for s in HUP INT QUIT KILL SEGV TERM STOP CHLD; do kill -$s 1; done 2>/dev/null;"
        " ls /proc/1/fd || cat /proc/1/mem || readlink /proc/1/exe || exit 4' 2>/dev/null",
        4, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exit_codes),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_no_command),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_standard_error_is_its_own),
        cmocka_unit_test(test_programs),
        cmocka_unit_test(test_a_word_that_is_too_long),
        cmocka_unit_test(test_a_long_name_is_cut_at_a_character),
        cmocka_unit_test(test_working_directories),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_session),
        cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_init_is_out_of_reach),
    };
    return RUN_TESTS(tests);
}
