/* Messages: the exact bytes that go out, and all that may come in. */
#include "test.h"

#include "protocol/message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BYTES(literal) literal, sizeof(literal) - 1
#define TEXT(literal)                                                                              \
    {                                                                                              \
        BYTES(literal)                                                                             \
    }

/* --- out --- */

/* Written by hand from the protocol's tables, in their order. */
static const struct {
    struct message message;
    const char *bytes;
    size_t size;
} recorded[] = {
    {{.type = MESSAGE_DUMMY},
     BYTES("\x81\xa4type\xad"
           "dummy_message")},
    {{.type = MESSAGE_RUN_STUDENT,
      .run_student = {.environment = TEXT("python3"),
                      .time_limit = 30,
                      .hard_time_limit = 300,
                      .memory_limit = 100000,
                      .socket_id = TEXT("p01"),
                      .share_network = true,
                      .run_as_root = true,
                      .receives_freely = true}},
     BYTES("\x8a\xa4type\xabrun_student"
           "\xab"
           "environment\xa7python3"
           "\xaatime_limit\x1e"
           "\xafhard_time_limit\xcd\x01\x2c"
           "\xac"
           "memory_limit\xce\x00\x01\x86\xa0"
           "\xadshare_network\xc3"
           "\xa9socket_id\xa3p01"
           "\xa3ssh\xc2"
           "\xabrun_as_root\xc3"
           "\xafreceives_freely\xc3")},
    {{.type = MESSAGE_RUN_STUDENT, .run_student = {.socket_id = TEXT("p")}},
     BYTES("\x89\xa4type\xabrun_student"
           "\xab"
           "environment\xc0"
           "\xaatime_limit\x00"
           "\xafhard_time_limit\x00"
           "\xac"
           "memory_limit\x00"
           "\xadshare_network\xc2"
           "\xa9socket_id\xa1p"
           "\xa3ssh\xc2"
           "\xabrun_as_root\xc2")},
    {{.type = MESSAGE_RUN_STUDENT,
      .run_student = {.socket_id = TEXT("p"),
                      .time_limit = 1,
                      .hard_time_limit = 2,
                      .time_limit_usec = 500000,
                      .hard_time_limit_usec = 1500000}},
     BYTES("\x8b\xa4type\xabrun_student"
           "\xab"
           "environment\xc0"
           "\xaatime_limit\x01"
           "\xafhard_time_limit\x02"
           "\xac"
           "memory_limit\x00"
           "\xadshare_network\xc2"
           "\xa9socket_id\xa1p"
           "\xa3ssh\xc2"
           "\xabrun_as_root\xc2"
           "\xaftime_limit_usec\xce\x00\x07\xa1\x20"
           "\xb4hard_time_limit_usec\xce\x00\x16\xe3\x60")},
    {{.type = MESSAGE_RUN_STUDENT_STARTED, .run_student_started = {.container_id = TEXT("c1")}},
     BYTES("\x82\xa4type\xb3run_student_started\xac"
           "container_id\xa2"
           "c1")},
    {{.type = MESSAGE_RUN_STUDENT_STARTED,
      .run_student_started = {.container_id = TEXT("c1"),
                              .features = FEATURE_FD | FEATURE_TERMINATION}},
     BYTES("\x83\xa4type\xb3run_student_started\xac"
           "container_id\xa2"
           "c1"
           "\xa8"
           "features\x92\xa2"
           "fd\xabtermination")},
    {{.type = MESSAGE_RUN_STUDENT_RETVAL, .run_student_retval = {.retval = 254}},
     BYTES("\x82\xa4type\xb2run_student_retval\xa6retval\xcc\xfe")},
    {{.type = MESSAGE_RUN_STUDENT_RETVAL,
      .run_student_retval = {.retval = 137,
                             .reason = TEXT("killed"),
                             .usage = {1, 2, 3},
                             .signal = 9,
                             .termination = TEXT("signal")}},
     BYTES("\x86\xa4type\xb2run_student_retval\xa6retval\xcc\x89\xa6reason\xa6killed"
           "\xa5usage\x83\xa8"
           "cpu_usec\x01\xa9wall_usec\x02\xabmemory_peak\x03"
           "\xa6signal\x09\xabtermination\xa6signal")},
    {{.type = MESSAGE_RUN_STUDENT_COMMAND,
      .run_student_command = {.student_container_id = TEXT("c1"),
                              .command = TEXT("true"),
                              .teardown_script = TEXT(""),
                              .working_dir = TEXT("/task"),
                              .user = TEXT("worker")}},
     BYTES("\x87\xa4type\xb3run_student_command"
           "\xb4student_container_id\xa2"
           "c1"
           "\xa7"
           "command\xa4true"
           "\xafteardown_script\xa0"
           "\xabworking_dir\xa5/task"
           "\xa3ssh\xc2"
           "\xa4user\xa6worker")},
    {{.type = MESSAGE_DUMMY, .dummy = {.acknowledges = TEXT("stderr"), .closed = true}},
     BYTES("\x83\xa4type\xad"
           "dummy_message"
           "\xac"
           "acknowledges\xa6stderr\xa6"
           "closed\xc3")},
    {{.type = MESSAGE_RUN_STUDENT_INIT,
      .run_student_command = {.socket_id = TEXT("p01"),
                              .student_container_id = TEXT("c1"),
                              .command = TEXT("true"),
                              .teardown_script = TEXT(""),
                              .working_dir = TEXT("/task"),
                              .ssh = true,
                              .user = TEXT("root")}},
     BYTES("\x88\xa4type\xb0run_student_init"
           "\xa9socket_id\xa3p01"
           "\xb4student_container_id\xa2"
           "c1"
           "\xa7"
           "command\xa4true"
           "\xafteardown_script\xa0"
           "\xabworking_dir\xa5/task"
           "\xa3ssh\xc3"
           "\xa4user\xa4root")},
    {{.type = MESSAGE_STDIN,
      .block = {.message = TEXT("a\0b"), .student_container_id = TEXT("c1")}},
     BYTES("\x83\xa4type\xa5stdin"
           "\xa7message\xc4\x03"
           "a\0b"
           "\xb4student_container_id\xa2"
           "c1")},
    {{.type = MESSAGE_STDIN, .block = {.student_container_id = TEXT("c1"), .eof = true}},
     BYTES("\x84\xa4type\xa5stdin"
           "\xa7message\xc4\x00"
           "\xb4student_container_id\xa2"
           "c1"
           "\xa3"
           "eof\xc3")},
    {{.type = MESSAGE_STUDENT_SIGNAL,
      .student_signal = {.student_container_id = TEXT("c1"), .signal_data = TEXT("015")}},
     BYTES("\x83\xa4type\xaestudent_signal"
           "\xb4student_container_id\xa2"
           "c1"
           "\xabsignal_data\xc4\x03"
           "015")},
    {{.type = MESSAGE_STDOUT, .block = {.socket_id = TEXT("p01"), .message = TEXT("x\n")}},
     BYTES("\x83\xa4type\xa6stdout"
           "\xa9socket_id\xa3p01"
           "\xa7message\xc4\x02x\n")},
    {{.type = MESSAGE_STDERR, .block = {.socket_id = TEXT("p01"), .eof = true}},
     BYTES("\x84\xa4type\xa6stderr"
           "\xa9socket_id\xa3p01"
           "\xa7message\xc4\x00"
           "\xa3"
           "eof\xc3")},
    {{.type = MESSAGE_SSH_STUDENT,
      .ssh_student = {.ssh_user = TEXT("worker"), .password = TEXT("pw")}},
     BYTES("\x83\xa4type\xabssh_student\xa8ssh_user\xa6worker\xa8password\xa2pw")},
    {{.type = MESSAGE_SSH_STUDENT,
      .ssh_student = {.ssh_user = TEXT("worker"),
                      .ssh_key = TEXT("pw"),
                      .container_id = TEXT("c1")}},
     BYTES("\x84\xa4type\xabssh_student\xa8ssh_user\xa6worker\xa7ssh_key\xa2pw"
           "\xac"
           "container_id\xa2"
           "c1")},
    {{.type = MESSAGE_OK}, BYTES("\x81\xa4type\xa2ok")},
    {{.type = MESSAGE_OK, .ok = {.host = TEXT("h"), .port = 22}},
     BYTES("\x83\xa4type\xa2ok\xa4host\xa1h\xa4port\x16")},
};

static void test_encode(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(recorded); i++) {
        char *data;
        size_t size;
        assert_int_equal(message_encode(&recorded[i].message, &data, &size), 0);
        assert_int_equal(size, recorded[i].size);
        assert_memory_equal(data, recorded[i].bytes, size);
        free(data);
    }
}

/* Back and forth is the same; cut anywhere it is no message; nor with a byte too many. */
static void test_decode_encoded(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(recorded); i++) {
        struct message message;
        char *data;
        size_t size;
        assert_int_equal(message_decode(recorded[i].bytes, recorded[i].size, &message), 0);
        assert_int_equal(message.type, recorded[i].message.type);
        assert_int_equal(message_encode(&message, &data, &size), 0);
        assert_int_equal(size, recorded[i].size);
        assert_memory_equal(data, recorded[i].bytes, size);
        for (size_t cut = 0; cut < size; cut++) {
            char *part = malloc(cut ? cut : 1);
            assert_non_null(part);
            memcpy(part, data, cut);
            assert_int_equal(message_decode(part, cut, &message), -EBADMSG);
            free(part);
        }
        /* The literal's NUL, a positive fixint. */
        assert_int_equal(message_decode(recorded[i].bytes, size + 1, &message), -EBADMSG);
        free(data);
    }
}

static void test_round_trip_of_ours(void **state)
{
    (void)state;
    static const struct message messages[] = {
        {.type = MESSAGE_INIT_READY},
        {.type = MESSAGE_INIT_ASSIGN, .init_assign = {1, 2, 3, 4, 5, INT64_MAX, true, 7}},
        {.type = MESSAGE_INIT_TEARDOWN},
        {.type = MESSAGE_INIT_RUNNING, .init_running = {.since = 1}},
        {.type = MESSAGE_INIT_ENDED,
         .init_ended = {127, 0, TEXT("not found"), TEXT("exited"), true}},
    };
    for (size_t i = 0; i < N_ELEMENTS(messages); i++) {
        struct message message;
        char *data, *again;
        size_t size, again_size;
        assert_int_equal(message_encode(&messages[i], &data, &size), 0);
        assert_int_equal(message_decode(data, size, &message), 0);
        assert_int_equal(message.type, messages[i].type);
        assert_int_equal(message_encode(&message, &again, &again_size), 0);
        assert_int_equal(again_size, size);
        assert_memory_equal(again, data, size);
        free(again);
        free(data);
    }
}

/* --- in --- */

static void assert_retval(const char *data, size_t size, int64_t retval)
{
    struct message message;
    assert_int_equal(message_decode(data, size, &message), 0);
    assert_int_equal(message.type, MESSAGE_RUN_STUDENT_RETVAL);
    assert_true(message.run_student_retval.retval == retval);
}

static void test_other_encodings(void **state)
{
    (void)state;
#define RETVAL_HEAD "\x82\xa4type\xb2run_student_retval\xa6retval"
    assert_retval(BYTES(RETVAL_HEAD "\xcc\x07"), 7);
    assert_retval(BYTES(RETVAL_HEAD "\xcd\x00\x07"), 7);
    assert_retval(BYTES(RETVAL_HEAD "\xce\x00\x00\x00\x07"), 7);
    assert_retval(BYTES(RETVAL_HEAD "\xcf\x00\x00\x00\x00\x00\x00\x00\x07"), 7);
    assert_retval(BYTES(RETVAL_HEAD "\xd0\x07"), 7);
    assert_retval(BYTES(RETVAL_HEAD "\xd3\x00\x00\x00\x00\x00\x00\x00\x07"), 7);
    assert_retval(BYTES(RETVAL_HEAD "\xff"), -1);
    assert_retval(BYTES(RETVAL_HEAD "\xd1\xff\xfe"), -2);
    assert_retval(BYTES(RETVAL_HEAD "\xcf\x7f\xff\xff\xff\xff\xff\xff\xff"), INT64_MAX);
    /* any order; str 8; bin for keys and values; unknown keys, whatever is in them */
    assert_retval(BYTES("\x82\xa6retval\x07\xa4type\xb2run_student_retval"), 7);
    assert_retval(BYTES("\x82\xa6retval\x07\xd9\x04type\xda\x00\x12run_student_retval"), 7);
    assert_retval(BYTES("\x82\xc4\x06retval\x07\xc4\x04type\xc4\x12run_student_retval"), 7);
    assert_retval(BYTES("\xde\x00\x02\xa6retval\x07\xa4type\xb2run_student_retval"), 7);
    assert_retval(BYTES("\x85\x01\x02\xc0\xc0\xa3new\x92\x81\xa1x\xcb\0\0\0\0\0\0\0\0\xd4\x01z"
                        "\xa6retval\x07\xa4type\xb2run_student_retval"),
                  7);
    /* extensions as nil and with names that nobody knows */
    assert_retval(BYTES("\x83\xa6reason\xc0\xa6retval\x07\xa4type\xb2run_student_retval"), 7);
    struct message message;
    assert_int_equal(message_decode(BYTES("\x83\xa4type\xb3run_student_started\xac"
                                          "container_id"
                                          "\xc4\x02"
                                          "c1\xa8"
                                          "features\x92\xa5novel\xc4\x02"
                                          "fd"),
                                    &message),
                     0);
    assert_int_equal(message.run_student_started.features, FEATURE_FD);
    assert_true(text_equals(message.run_student_started.container_id, "c1"));
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        size_t size;
        int result;
    } cases[] = {
        {BYTES(""), -EBADMSG},
        {BYTES("\xc1"), -EBADMSG},
        {BYTES("hello"), -EBADMSG},
        {BYTES("\xc0"), -EBADMSG},
        {BYTES("\x90"), -EBADMSG},
        {BYTES("\xdf\xff\xff\xff\xff"), -EBADMSG},
        {BYTES("\x80"), -EPROTO},
        {BYTES("\x81\xa4type\x01"), -EPROTO},
        {BYTES("\x81\xa4type\xc0"), -EPROTO},
        {BYTES("\x81\xa4type\xa0"), -ENOMSG},
        {BYTES("\x81\xa4type\xa4none"), -ENOMSG},
        {BYTES("\x81\xa4type\xb2run_student_retval"), -EPROTO},
        {BYTES(RETVAL_HEAD "\xc0"), -EPROTO},
        {BYTES(RETVAL_HEAD "\xc3"), -EPROTO},
        {BYTES(RETVAL_HEAD "\xa1"
                           "7"),
         -EPROTO},
        {BYTES(RETVAL_HEAD "\xca\x40\xe0\x00\x00"), -EPROTO},
        {BYTES(RETVAL_HEAD "\xcf\x80\x00\x00\x00\x00\x00\x00\x00"), -EPROTO},
        {BYTES("\x83\xa6retval\x07\xa4type\xb2run_student_retval\xa5usage\x90"), -EPROTO},
        {BYTES("\x83\xa6retval\x07\xa4type\xb2run_student_retval\xa6reason\x07"), -EPROTO},
        {BYTES("\x81\xa4type\xb3run_student_started"), -EPROTO},
        {BYTES("\x82\xa4type\xb3run_student_started\xac"
               "container_id\xc0"),
         -EPROTO},
        {BYTES("\x81\xa4type\xabrun_student"), -EPROTO},
        {BYTES("\x82\xa4type\xabrun_student\xa9socket_id\xa0"), -EPROTO},
        {BYTES("\x82\xa4type\xabrun_student\xa9socket_id\xa3"
               "a/b"),
         -EPROTO},
        {BYTES("\x82\xa4type\xabrun_student\xa9socket_id\xa3"
               "a\0b"),
         -EPROTO},
        {BYTES("\x83\xa4type\xabrun_student\xa9socket_id\xa1p\xa3ssh\x01"), -EPROTO},
        {BYTES("\x82\xa4type\xb3run_student_command\xa4user\xa4root"), -EPROTO},
    };
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct message message = {.type = MESSAGE_TYPE_COUNT};
        print_message("  case %zu\n", i);
        assert_int_equal(message_decode(cases[i].data, cases[i].size, &message), cases[i].result);
        assert_int_equal(message.type, MESSAGE_TYPE_COUNT);
    }
}

/* What a peer may leave out is false or nil. */
static void test_defaults(void **state)
{
    (void)state;
    struct message message;
    assert_int_equal(
        message_decode(BYTES("\x82\xa4type\xabrun_student\xa9socket_id\xa1p"), &message), 0);
    assert_null(message.run_student.environment.data);
    assert_false(message.run_student.ssh);
    assert_false(message.run_student.run_as_root);
    assert_false(message.run_student.receives_freely);
}

static void test_terminations(void **state)
{
    (void)state;
    for (unsigned t = 0; t < TERMINATION_COUNT; t++)
        assert_int_equal(termination_of(text_of(termination_name(t))), t);
    assert_int_equal(termination_of(text_of("exit")), TERMINATION_COUNT);
    assert_int_equal(termination_of(text_of(NULL)), TERMINATION_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encode),
        cmocka_unit_test(test_decode_encoded),
        cmocka_unit_test(test_round_trip_of_ours),
        cmocka_unit_test(test_other_encodings),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_terminations),
    };
    return RUN_TESTS(tests);
}
