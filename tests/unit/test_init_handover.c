/* student-init: the assignment and the hand-over, and all the ways to break it. */
#include "base/cleanup.h"
#include "test.h"
#include "test_init_peers.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct message_init_assign patient = {.handover_ms = 10000};
static const struct message_init_assign hasty = {.handover_ms = 400};

static char *map_of(const char *command, size_t *ret_size)
{
    const struct message_run_student_command message = {
        .command = text_of(command), .working_dir = text_of("/task"), .user = text_of("worker")};
    return command_map(&message, ret_size);
}

static void test_map_and_signal_in_one_piece(void **state)
{
    (void)state;
    struct box box;
    size_t size;
    char bytes[512];
    _cleanup_free_ char *map = map_of("sleep 1000", &size);
    memcpy(bytes, map, size);
    memcpy(bytes + size, "000065015", 9);
    box_open(&box);
    box_assign(&box, &patient);
    box_send_fds(&box, 3, bytes, size + 9);
    box_expect_running(&box);
    box_expect_end(&box, 143, TERMINATION_SIGNAL, "killed by signal 15 (Terminated)");
    assert_int_equal(box_close(&box), 0);
}

static void test_byte_by_byte(void **state)
{
    (void)state;
    struct box box;
    size_t size;
    char line[6];
    _cleanup_free_ char *map = map_of("sh -c 'echo ready; read x'", &size);
    box_open(&box);
    box_assign(&box, &patient);
    box_send_fds(&box, 3, NULL, 0);
    for (size_t i = 0; i < size; i++)
        box_send(&box, map + i, 1);
    box_expect_running(&box);
    assert_int_equal(read(box.out, line, sizeof(line)), 6);
    for (size_t i = 0; i < 3; i++)
        box_send(&box, &"009"[i], 1);
    box_expect_end(&box, 137, TERMINATION_SIGNAL, "killed by signal 9 (Killed)");
    assert_int_equal(box_close(&box), 0);
}

/* Many reads, and a buffer that has grown, with the command's texts in it. */
static void test_a_long_map_and_many_signals(void **state)
{
    (void)state;
    enum { WORD = 100000, WORDS = 15, SIGNALS = 2000 };
    struct box box;
    size_t size;
    static char command[WORDS * (WORD + 1) + 64], signals[3 * SIGNALS];
    strcpy(command, "sh -c 'echo $#; read x; exit 8' sh");
    for (int i = 0; i < WORDS; i++) {
        size_t end = strlen(command);
        command[end] = ' ';
        memset(command + end + 1, 'x', WORD);
    }
    /* URG, which does nothing unless it is caught. */
    for (size_t i = 0; i < SIGNALS; i++)
        memcpy(signals + 3 * i, "023", 3);
    _cleanup_free_ char *map = map_of(command, &size);
    char text[8];
    box_open(&box);
    box_assign(&box, &patient);
    box_send_fds(&box, 3, map, size);
    box_send(&box, signals, sizeof(signals));
    box_expect_running(&box);
    box_send(&box, signals, sizeof(signals));
    assert_int_equal(write(box.in, "\n", 1), 1);
    read_text(box.out, text, sizeof(text));
    assert_string_equal(text, "15\n");
    box_expect_end(&box, 8, TERMINATION_EXITED, NULL);
    assert_int_equal(box_close(&box), 0);
}

/* --- what is refused --- */

#define FDS_WANTED  "did not hand over three descriptors"
#define NOT_COMMAND "not a command"
#define CLOSED      "closed the connection before"

#define BYTES(text) text, sizeof(text) - 1

static const struct {
    size_t n_fds;
    const char *data; /* after the first byte */
    size_t size;
    const char *reason;
} broken[] = {
    {0, NULL, 0, FDS_WANTED},
    {2, NULL, 0, FDS_WANTED},
    {4, NULL, 0, FDS_WANTED},
    {3, NULL, 0, CLOSED},
    {3, BYTES("\x81\xa4type\xb3run_student_c"), CLOSED},
    {3, BYTES("\x81\xa4type\xb3run_student_command"), NOT_COMMAND}, /* nothing else in it */
    {3, BYTES("\x81\xa4type\xabrun_student"), NOT_COMMAND},
    {3, BYTES("\xc1"), NOT_COMMAND},
    {3, BYTES("\x93\x01\x02\x03"), NOT_COMMAND},
    {3, BYTES("GET / HTTP/1.0\r\n\r\n"), NOT_COMMAND},
    {3, BYTES("\x81\xa4type\xdb\xff\xff\xff\xff"), NOT_COMMAND}, /* a text of 4 GiB to come */
    {3, BYTES("\xdf\xff\xff\xff\xff"), NOT_COMMAND},             /* a map of 2^32 pairs */
    {3, BYTES("\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91"), NOT_COMMAND},
};

static void test_broken_hand_overs(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(broken); i++) {
        struct box box;
        box_open(&box);
        box_assign(&box, &patient);
        box_send_fds(&box, broken[i].n_fds, broken[i].data, broken[i].size);
        shutdown(box.connection, SHUT_WR);
        box_expect_end(&box, 254, TERMINATION_FAILED, broken[i].reason);
        assert_int_equal(box_close(&box), 0);
    }
}

static void test_another_first_byte(void **state)
{
    (void)state;
    struct box box;
    box_open(&box);
    box_assign(&box, &patient);
    box_send(&box, "X", 1);
    box_expect_end(&box, 254, TERMINATION_FAILED, FDS_WANTED);
    assert_int_equal(box_close(&box), 0);
}

static void test_closed_at_once(void **state)
{
    (void)state;
    struct box box;
    box_open(&box);
    box_assign(&box, &patient);
    fd_clear(&box.connection);
    box_expect_end(&box, 254, TERMINATION_FAILED, CLOSED);
    assert_int_equal(box_close(&box), 0);
}

/* A client that is silent at each step; the bound is one for all of the hand-over. */
static void test_too_late(void **state)
{
    (void)state;
    size_t size;
    _cleanup_free_ char *map = map_of("true", &size);
    for (int step = 0; step < 3; step++) {
        struct box box;
        box_open(&box);
        box_assign(&box, &hasty);
        if (step > 0)
            box_send_fds(&box, 3, map, step > 1 ? size - 1 : 0);
        box_expect_end(&box, 254, TERMINATION_FAILED, "in time");
        assert_int_equal(box_close(&box), 0);
    }
}

static const struct {
    struct message_run_student_command command;
    int retval;
    enum termination termination;
    const char *reason;
} refused[] = {
    {{.user = {"root", 4}, .working_dir = {"/", 1}}, 251, TERMINATION_UNAVAILABLE, "root"},
    {{.user = {"worker", 6}, .working_dir = {"/", 1}, .ssh = true},
     251,
     TERMINATION_UNAVAILABLE,
     "ssh"},
    {{.user = {"nobody", 6}, .working_dir = {"/", 1}}, 254, TERMINATION_FAILED, "user"},
    {{.user = {"worker", 6}, .working_dir = {"/\0x", 3}}, 254, TERMINATION_FAILED, "directory"},
    {{.user = {"worker", 6}, .working_dir = {"/", 1}, .command = {"a\0b", 3}},
     254,
     TERMINATION_FAILED,
     "NUL"},
    {{.user = {"worker", 6}, .working_dir = {"/", 1}, .command = {"echo 'a", 7}},
     254,
     TERMINATION_FAILED,
     "quote"},
    {{.user = {"worker", 6}, .working_dir = {"/", 1}, .command = {"echo \\", 6}},
     254,
     TERMINATION_FAILED,
     "backslash"},
};

static void test_refused_commands(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(refused); i++) {
        struct box box;
        box_start(&box, &refused[i].command);
        box_expect_end(&box, refused[i].retval, refused[i].termination, refused[i].reason);
        assert_int_equal(box_close(&box), 0);
    }
}

/* --- the agent --- */

static void test_agent_gone_while_idle(void **state)
{
    (void)state;
    struct box box;
    box_open(&box);
    assert_int_equal(box_close(&box), 0);
}

static void test_agent_gone_while_the_client_hands_over(void **state)
{
    (void)state;
    struct box box;
    box_open(&box);
    box_assign(&box, &patient);
    box_send_fds(&box, 3, NULL, 0);
    fd_clear(&box.control);
    expect_end_of(box.out);
    assert_int_equal(box_close(&box), 0);
}

static void test_garbage_from_the_agent(void **state)
{
    (void)state;
    struct box box;
    char log[200];
    box_open(&box);
    assert_int_equal(write(box.control, "garbage", 7), 7);
    read_text(box.log, log, sizeof(log));
    assert_non_null(strstr(log, "student-init: "));
    assert_int_equal(box_close(&box), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map_and_signal_in_one_piece),
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_a_long_map_and_many_signals),
        cmocka_unit_test(test_broken_hand_overs),
        cmocka_unit_test(test_another_first_byte),
        cmocka_unit_test(test_closed_at_once),
        cmocka_unit_test(test_too_late),
        cmocka_unit_test(test_refused_commands),
        cmocka_unit_test(test_agent_gone_while_idle),
        cmocka_unit_test(test_agent_gone_while_the_client_hands_over),
        cmocka_unit_test(test_garbage_from_the_agent),
    };
    return RUN_TESTS(tests);
}
