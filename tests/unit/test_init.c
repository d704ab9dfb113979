/* student-init: the command, from its start to what it leaves behind. */
#include "base/cleanup.h"
#include "test.h"
#include "test_init_peers.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct message_run_student_command command_of(const char *command)
{
    return (struct message_run_student_command){
        .command = text_of(command), .working_dir = text_of("/task"), .user = text_of("worker")};
}

/* Starts it; it runs. */
static void start(struct box *box, const char *command)
{
    const struct message_run_student_command message = command_of(command);
    box_start(box, &message);
    box_expect_running(box);
}

/* From its start to its end. */
static void expect(const char *command, int retval, const char *output)
{
    struct box box;
    char text[8192];
    start(&box, command);
    read_text(box.out, text, sizeof(text));
    assert_string_equal(text, output);
    box_expect_end(&box, retval, TERMINATION_EXITED, NULL);
    assert_int_equal(box_close(&box), 0);
}

static void expect_line(int fd, const char *line)
{
    char text[64];
    read_text(fd, text, strlen(line) + 1);
    assert_string_equal(text, line);
}

static void test_exit_codes(void **state)
{
    (void)state;
    static const int codes[] = {0, 1, 42, 126, 143, 250, 251, 252, 253, 254, 255};
    for (size_t i = 0; i < N_ELEMENTS(codes); i++) {
        char command[32];
        snprintf(command, sizeof(command), "sh -c 'exit %d'", codes[i]);
        expect(command, codes[i], "");
    }
}

static void test_words(void **state)
{
    (void)state;
    expect("printf '[%s]' a\\ b \"c 'd'\" $HOME '*' '' #x", 0, "[a b][c 'd'][$HOME][*][][#x]");
}

static void test_no_command(void **state)
{
    (void)state;
    static const char *const none[] = {NULL, "", " \n "};
    for (size_t i = 0; i < N_ELEMENTS(none); i++)
        expect(none[i], 0, "No command was set for this run.\n");
}

static void test_environment(void **state)
{
    (void)state;
    expect("sh -c 'pwd; echo $HOME; umask'", 0, "/task\n/task\n0022\n");
}

static void test_standard_error_is_its_own(void **state)
{
    (void)state;
    struct box box;
    start(&box, "sh -c 'echo out; echo err >&2'");
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
    start(&box, "cat /proc/self/status");
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
    start(&box, "cat /proc/self/stat");
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
    expect("ls /proc/self/fd", 0, "0\n1\n2\n3\n"); /* 3 is the directory that ls reads */
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
    expect("sh -c 'for s in HUP INT QUIT KILL SEGV TERM STOP CHLD; do kill -$s 1; done 2>/dev/null;"
           " ls /proc/1/fd || cat /proc/1/mem || readlink /proc/1/exe || exit 4' 2>/dev/null",
           4, "");
}

/* --- its end, and everybody else's --- */

static void test_signals(void **state)
{
    (void)state;
    struct box box;
    start(&box, "sh -c 'trap \"echo usr1\" USR1; trap \"exit 5\" TERM; echo ready;"
                " while :; do read x; done'");
    expect_line(box.out, "ready\n");
    box_send(&box, "01", 2);
    box_send(&box, "0", 1);
    expect_line(box.out, "usr1\n");
    box_send(&box, "x\ny000099010", 12);
    expect_line(box.out, "usr1\n");
    box_send(&box, "015", 3);
    box_expect_end(&box, 5, TERMINATION_EXITED, NULL);
    assert_int_equal(box_close(&box), 0);
}

static void test_real_time_signals_have_no_name(void **state)
{
    (void)state;
    struct box box;
    start(&box, "sleep 1000");
    box_send(&box, "064", 3);
    box_expect_end(&box, 192, TERMINATION_SIGNAL, "killed by signal 64");
    assert_int_equal(box_close(&box), 0);
}

/* A process that ignores what can be ignored, holds stdout, and is nobody's child. */
#define DAEMON "(trap \"\" HUP INT TERM; setsid sh -c \"echo left; exec sleep 1000\" & ) "

static void test_nothing_outlives_the_command(void **state)
{
    (void)state;
    struct box box;
    start(&box, "sh -c '" DAEMON "; read x; exit 3'");
    expect_line(box.out, "left\n");
    assert_int_equal(write(box.in, "\n", 1), 1);
    box_expect_end(&box, 3, TERMINATION_EXITED, NULL);
    expect_end_of(box.out);
    assert_int_equal(box_close(&box), 0);
}

static void test_orphans_are_reaped(void **state)
{
    (void)state;
    /* What has ended is nobody's zombie: the command is the only process but init. */
    expect(
        "sh -c 'for i in 1 2 3 4 5; do (true & ); done;"
        " while grep -ls \"^PPid:.1$\" /proc/[0-9]*/status | grep -qv \"/$$/\"; do :; done; echo'",
        0, "\n");
}

static void test_client_gone(void **state)
{
    (void)state;
    struct box box;
    start(&box, "sh -c 'trap \"\" TERM; " DAEMON "; sleep 1000'");
    expect_line(box.out, "left\n");
    fd_clear(&box.connection);
    box_expect_end(&box, 254, TERMINATION_REMOVED, "the client closed the connection");
    expect_end_of(box.out);
    assert_int_equal(box_close(&box), 0);
}

static void test_end_of_the_signals(void **state)
{
    (void)state;
    struct box box;
    start(&box, "sh -c 'trap \"echo usr1\" USR1; echo ready; read x; read y; exit 9'");
    expect_line(box.out, "ready\n");
    box_send(&box, "010---009", 9);
    expect_line(box.out, "usr1\n");
    fd_clear(&box.connection);
    assert_int_equal(write(box.in, "x\ny\n", 4), 4);
    box_expect_end(&box, 9, TERMINATION_EXITED, NULL);
    assert_int_equal(box_close(&box), 0);
}

static void test_agent_gone(void **state)
{
    (void)state;
    struct box box;
    start(&box, "sh -c 'trap \"\" TERM; " DAEMON "; sleep 1000'");
    expect_line(box.out, "left\n");
    fd_clear(&box.control);
    expect_end_of(box.out);
    assert_int_equal(box_close(&box), 0);
}

/* --- the teardown script --- */

static void start_with_teardown(struct box *box, const char *command, const char *script)
{
    struct message_run_student_command message = command_of(command);
    message.teardown_script = text_of(script);
    message.working_dir = text_of("/task/student");
    box_start(box, &message);
    box_expect_running(box);
}

static void expect_teardown(struct box *box, int retval)
{
    char bytes[4096];
    struct message_init_ended ended = box_receive(box, MESSAGE_INIT_ENDED, bytes).init_ended;
    assert_int_equal(ended.retval, retval);
    assert_true(ended.teardown);
}

static void test_teardown(void **state)
{
    (void)state;
    struct box box;
    char scripts[128], fifo[128], text[512];
    struct stat found;
    start_with_teardown(&box, "sh -c '" DAEMON "; mkdir -m 0 scripts; mkfifo fifo; read x; exit 5'",
                        "sh -c 'ls -d /proc/[0-9]* >scripts/all;"
                        " id -u >fifo; exit 99'");
    snprintf(scripts, sizeof(scripts), "%s/scripts", box.task);
    snprintf(fifo, sizeof(fifo), "%s/fifo", box.task);
    expect_line(box.out, "left\n");
    assert_int_equal(write(box.in, "\n", 1), 1);
    expect_teardown(&box, 5);
    /* The end of the streams is not the teardown's, which waits for a reader. */
    expect_end_of(box.out);
    expect_end_of(box.err);
    int reader = open(fifo, O_RDONLY | O_CLOEXEC);
    assert_true(reader >= 0);
    read_text(reader, text, sizeof(text));
    assert_string_equal(text, "4242\n");
    close(reader);
    expect_end_of(box.control);
    assert_int_equal(stat(scripts, &found), 0);
    assert_int_equal(found.st_mode & 07777, 0777);
    /* init and the script: nothing of the command is left to meddle. */
    strcat(scripts, "/all");
    int all = open(scripts, O_RDONLY | O_CLOEXEC);
    assert_true(all >= 0);
    read_text(all, text, sizeof(text));
    close(all);
    size_t lines = 0;
    for (const char *c = text; *c; c++)
        lines += *c == '\n';
    assert_int_equal(lines, 2);
    assert_int_equal(box_close(&box), 0);
}

static void test_teardown_without_its_directory(void **state)
{
    (void)state;
    struct box box;
    char proof[128];
    struct message_run_student_command message =
        command_of("sh -c 'rmdir /task/student/wd; ln -s /tmp /task/student/scripts; exit 1'");
    message.teardown_script = text_of("sh -c 'pwd >/task/student/proof'");
    message.working_dir = text_of("/task/student/wd");
    static const struct message_init_assign limits = {.handover_ms = 10000};
    size_t size;
    _cleanup_free_ char *map = command_map(&message, &size);
    box_open(&box);
    snprintf(proof, sizeof(proof), "%s/wd", box.task);
    assert_int_equal(mkdir(proof, 0777), 0);
    box_assign(&box, &limits);
    box_send_fds(&box, 3, map, size);
    box_expect_running(&box);
    expect_teardown(&box, 1);
    expect_end_of(box.control);
    snprintf(proof, sizeof(proof), "%s/proof", box.task);
    int fd = open(proof, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    expect_line(fd, "/task\n");
    close(fd);
    assert_int_equal(box_close(&box), 0);
}

static void test_teardowns_that_cannot_run(void **state)
{
    (void)state;
    static const char *const scripts[] = {"no-such-program", "echo 'a", " "};
    for (size_t i = 0; i < N_ELEMENTS(scripts); i++) {
        struct box box;
        start_with_teardown(&box, "sh -c 'exit 2'", scripts[i]);
        expect_teardown(&box, 2);
        expect_end_of(box.control);
        assert_int_equal(box_close(&box), 0);
    }
}

static void test_agent_gone_during_the_teardown(void **state)
{
    (void)state;
    struct box box;
    start_with_teardown(&box, "true", "sleep 1000");
    expect_teardown(&box, 0);
    assert_int_equal(box_close(&box), 0);
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
        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_real_time_signals_have_no_name),
        cmocka_unit_test(test_nothing_outlives_the_command),
        cmocka_unit_test(test_orphans_are_reaped),
        cmocka_unit_test(test_client_gone),
        cmocka_unit_test(test_end_of_the_signals),
        cmocka_unit_test(test_agent_gone),
        cmocka_unit_test(test_teardown),
        cmocka_unit_test(test_teardown_without_its_directory),
        cmocka_unit_test(test_teardowns_that_cannot_run),
        cmocka_unit_test(test_agent_gone_during_the_teardown),
    };
    return RUN_TESTS(tests);
}
