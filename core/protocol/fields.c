/* The tables: one per message of the protocol, its keys in the order in which they are sent. */
#include "fields.h"

static const char *const feature_names[] = {"fd",          "reason",  "usage",
                                            "termination", "message", NULL};

static const char *const limit_names[] = {"cpu", "wall", "memory", "processes", NULL};

const char *limit_name(enum limit_flag limit)
{
    return limit_names[__builtin_ctz(limit)];
}

#define FIELD(body, member, field_kind, ...)                                                       \
    {                                                                                              \
        .key = #member, .kind = field_kind, .offset = offsetof(struct message, body.member),       \
        __VA_ARGS__                                                                                \
    }
#define SUBFIELD(body, outer, member, field_kind)                                                  \
    {                                                                                              \
        .key = #member, .kind = field_kind, .offset = offsetof(struct message, body.outer.member)  \
    }

static const struct field usage_fields[] = {
    SUBFIELD(run_student_retval, usage, cpu_usec, FIELD_INT),
    SUBFIELD(run_student_retval, usage, wall_usec, FIELD_INT),
    SUBFIELD(run_student_retval, usage, memory_peak, FIELD_INT),
    {0},
};

static const struct field run_student_fields[] = {
    FIELD(run_student, environment, FIELD_TEXT_OR_NIL),
    FIELD(run_student, time_limit, FIELD_INT),
    FIELD(run_student, hard_time_limit, FIELD_INT),
    FIELD(run_student, memory_limit, FIELD_INT),
    FIELD(run_student, share_network, FIELD_BOOL),
    FIELD(run_student, socket_id, FIELD_NAME, .required = true),
    FIELD(run_student, ssh, FIELD_BOOL),
    FIELD(run_student, run_as_root, FIELD_BOOL),
    FIELD(run_student, receives_freely, FIELD_BOOL, .extension = true),
    FIELD(run_student, time_limit_usec, FIELD_INT, .extension = true),
    FIELD(run_student, hard_time_limit_usec, FIELD_INT, .extension = true),
    {0},
};

static const struct field run_student_started_fields[] = {
    FIELD(run_student_started, container_id, FIELD_TEXT, .required = true),
    FIELD(run_student_started, features, FIELD_FLAGS, .extension = true, .names = feature_names),
    FIELD(run_student_started, enforced, FIELD_FLAGS, .extension = true, .names = limit_names),
    FIELD(run_student_started, init_pid, FIELD_INT, .extension = true),
    FIELD(run_student_started, stdin_pipe, FIELD_INT, .extension = true),
    {0},
};

static const struct field run_student_retval_fields[] = {
    FIELD(run_student_retval, retval, FIELD_INT, .required = true),
    FIELD(run_student_retval, reason, FIELD_TEXT_OR_NIL, .extension = true),
    FIELD(run_student_retval, usage, FIELD_MAP, .extension = true, .fields = usage_fields),
    FIELD(run_student_retval, signal, FIELD_INT, .extension = true),
    FIELD(run_student_retval, termination, FIELD_TEXT_OR_NIL, .extension = true),
    {0},
};

static const struct field run_student_command_fields[] = {
    FIELD(run_student_command, student_container_id, FIELD_TEXT),
    FIELD(run_student_command, command, FIELD_TEXT_OR_NIL),
    FIELD(run_student_command, teardown_script, FIELD_TEXT),
    FIELD(run_student_command, working_dir, FIELD_TEXT, .required = true),
    FIELD(run_student_command, ssh, FIELD_BOOL),
    FIELD(run_student_command, user, FIELD_TEXT, .required = true),
    {0},
};

static const struct field run_student_init_fields[] = {
    FIELD(run_student_command, socket_id, FIELD_NAME, .required = true),
    FIELD(run_student_command, student_container_id, FIELD_TEXT, .required = true),
    FIELD(run_student_command, command, FIELD_TEXT_OR_NIL),
    FIELD(run_student_command, teardown_script, FIELD_TEXT),
    FIELD(run_student_command, working_dir, FIELD_TEXT, .required = true),
    FIELD(run_student_command, ssh, FIELD_BOOL),
    FIELD(run_student_command, user, FIELD_TEXT, .required = true),
    FIELD(run_student_command, stdout_err_fuse, FIELD_BOOL, .extension = true),
    {0},
};

static const struct field dummy_fields[] = {
    FIELD(dummy, acknowledges, FIELD_TEXT_OR_NIL, .extension = true),
    FIELD(dummy, closed, FIELD_BOOL, .extension = true),
    {0},
};

static const struct field stdin_fields[] = {
    FIELD(block, message, FIELD_BYTES, .required = true),
    FIELD(block, student_container_id, FIELD_TEXT, .required = true),
    FIELD(block, eof, FIELD_BOOL, .extension = true),
    {0},
};

static const struct field output_fields[] = {
    FIELD(block, socket_id, FIELD_TEXT),
    FIELD(block, message, FIELD_BYTES, .required = true),
    FIELD(block, eof, FIELD_BOOL, .extension = true),
    {0},
};

static const struct field student_signal_fields[] = {
    FIELD(student_signal, student_container_id, FIELD_TEXT, .required = true),
    FIELD(student_signal, signal_data, FIELD_BYTES, .required = true),
    {0},
};

static const struct field ssh_student_fields[] = {
    FIELD(ssh_student, ssh_user, FIELD_TEXT, .required = true),
    FIELD(ssh_student, password, FIELD_TEXT_OR_NIL, .extension = true),
    FIELD(ssh_student, ssh_key, FIELD_TEXT_OR_NIL, .extension = true),
    FIELD(ssh_student, container_id, FIELD_TEXT_OR_NIL, .extension = true),
    FIELD(ssh_student, host, FIELD_TEXT_OR_NIL, .extension = true),
    FIELD(ssh_student, port, FIELD_INT, .extension = true),
    {0},
};

static const struct field ok_fields[] = {
    FIELD(ok, host, FIELD_TEXT_OR_NIL, .extension = true),
    FIELD(ok, port, FIELD_INT, .extension = true),
    {0},
};

static const struct field init_assign_fields[] = {
    FIELD(init_assign, open_files, FIELD_INT),
    FIELD(init_assign, processes, FIELD_INT),
    FIELD(init_assign, file_size, FIELD_INT),
    FIELD(init_assign, cpu_seconds, FIELD_INT),
    FIELD(init_assign, memory, FIELD_INT),
    FIELD(init_assign, handover_ms, FIELD_INT),
    FIELD(init_assign, run_as_root, FIELD_BOOL),
    FIELD(init_assign, ssh_wait_ms, FIELD_INT),
    {0},
};

static const struct field init_running_fields[] = {
    FIELD(init_running, since, FIELD_INT, .required = true),
    {0},
};

static const struct field init_ended_fields[] = {
    FIELD(init_ended, retval, FIELD_INT, .required = true),
    FIELD(init_ended, signal, FIELD_INT, .extension = true),
    FIELD(init_ended, reason, FIELD_TEXT_OR_NIL, .extension = true),
    FIELD(init_ended, termination, FIELD_TEXT, .required = true),
    FIELD(init_ended, teardown, FIELD_BOOL, .extension = true),
    {0},
};

static const struct field init_ssh_fields[] = {
    FIELD(init_ssh, user, FIELD_TEXT_OR_NIL, .extension = true),
    FIELD(init_ssh, password, FIELD_TEXT_OR_NIL, .extension = true),
    FIELD(init_ssh, reason, FIELD_TEXT_OR_NIL, .extension = true),
    FIELD(init_ssh, login_s, FIELD_INT, .extension = true),
    {0},
};

static const struct field no_fields[] = {{0}};

const struct message_table message_tables[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_RUN_STUDENT] = {"run_student", run_student_fields},
    [MESSAGE_DUMMY] = {"dummy_message", dummy_fields},
    [MESSAGE_RUN_STUDENT_STARTED] = {"run_student_started", run_student_started_fields},
    [MESSAGE_RUN_STUDENT_RETVAL] = {"run_student_retval", run_student_retval_fields},
    [MESSAGE_RUN_STUDENT_COMMAND] = {"run_student_command", run_student_command_fields},
    [MESSAGE_STDOUT] = {"stdout", output_fields},
    [MESSAGE_STDERR] = {"stderr", output_fields},
    [MESSAGE_OK] = {"ok", ok_fields},
    [MESSAGE_RUN_STUDENT_INIT] = {"run_student_init", run_student_init_fields},
    [MESSAGE_STDIN] = {"stdin", stdin_fields},
    [MESSAGE_STUDENT_SIGNAL] = {"student_signal", student_signal_fields},
    [MESSAGE_SSH_STUDENT] = {"ssh_student", ssh_student_fields},
    [MESSAGE_INIT_READY] = {"init_ready", no_fields},
    [MESSAGE_INIT_ASSIGN] = {"init_assign", init_assign_fields},
    [MESSAGE_INIT_RUNNING] = {"init_running", init_running_fields},
    [MESSAGE_INIT_ENDED] = {"init_ended", init_ended_fields},
    [MESSAGE_INIT_SSH] = {"init_ssh", init_ssh_fields},
    [MESSAGE_INIT_VISITED] = {"init_visited", no_fields},
    [MESSAGE_INIT_TEARDOWN] = {"init_teardown", no_fields},
};
