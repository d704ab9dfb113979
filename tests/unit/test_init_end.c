/* student-init: signals, the command's end and what is left then, and the teardown script. */
#include "base/cleanup.h"
#include "base/fdpass.h"
#include "test.h"
#include "test_init_peers.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_signals(void **state)
{
    (void)state;
    struct box box;
    box_run(&box, "sh -c 'trap \"echo usr1\" USR1; trap \"exit 5\" TERM; echo ready;"
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
    box_run(&box, "sleep 1000");
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
    box_run(&box, "sh -c '" DAEMON "; read x; exit 3'");
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
    expect_run(
        "sh -c 'for i in 1 2 3 4 5; do (true & ); done;"
        " while grep -ls \"^PPid:.1$\" /proc/[0-9]*/status | grep -qv \"/$$/\"; do :; done; echo'",
        0, "\n");
}

static void test_client_gone(void **state)
{
    (void)state;
    struct box box;
    box_run(&box, "sh -c 'trap \"\" TERM; " DAEMON "; sleep 1000'");
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
    box_run(&box, "sh -c 'trap \"echo usr1\" USR1; echo ready; read x; read y; exit 9'");
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
    box_run(&box, "sh -c 'trap \"\" TERM; " DAEMON "; sleep 1000'");
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
    box_let_teardown(box);
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

/* The session was over before its server had started: the answer comes late. */
static void test_an_answer_that_is_late_for_the_session(void **state)
{
    (void)state;
    static const struct message late = {.type = MESSAGE_INIT_SSH};
    struct box box;
    char bytes[4096], *answer, proof[128];
    size_t size;
    start_with_teardown(&box, "true", "touch proof");
    snprintf(proof, sizeof(proof), "%s/proof", box.task);
    assert_true(box_receive(&box, MESSAGE_INIT_ENDED, bytes).init_ended.teardown);
    assert_int_equal(message_encode(&late, &answer, &size), 0);
    assert_int_equal(fdpass_send(box.control, answer, size, &box.in, 1), size);
    free(answer);
    box_let_teardown(&box);
    expect_end_of(box.control);
    assert_int_equal(access(proof, F_OK), 0);
    assert_int_equal(box_close(&box), 0);
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
        cmocka_unit_test(test_an_answer_that_is_late_for_the_session),
        cmocka_unit_test(test_agent_gone_during_the_teardown),
    };
    return RUN_TESTS(tests);
}
