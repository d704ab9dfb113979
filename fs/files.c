/* The files of a run. */
#include "files.h"

#include "peer.h"
#include "run.h"
#include "signal_name.h"
#include "status.h"
#include "studentfs.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>

#define POLL_READ  (POLLIN | POLLRDNORM)
#define POLL_WRITE (POLLOUT | POLLWRNORM)

/* More than any grader asks for, less than the 32 bits that a request has. */
#define SECONDS_MAX   UINT64_C(1000000)
#define MEBIBYTES_MAX UINT64_C(1048576)
/* INGInious's least memory for a container, in MiB. */
#define MEBIBYTES_MIN UINT64_C(20)

/* --- cmd --- */

static int cmd_show(const struct file_type *type, const struct run *run, FILE *out)
{
    (void)type;
    return run->command && fprintf(out, "%s\n", run->command) < 0 ? -ENOMEM : 0;
}

static int cmd_store(const struct file_type *type, struct run *run, const struct value *value)
{
    (void)type;
    return run_start(run, value->text, value->size, value->writer);
}

/* --- stdin --- */

static ssize_t stdin_write(struct handle *handle, const char *data, size_t size)
{
    return run_write_input(handle->run, data, size);
}

static struct list *stdin_waiting(const struct handle *handle)
{
    return &handle->run->input.waiting;
}

static unsigned stdin_poll(const struct handle *handle)
{
    return input_is_writable(&handle->run->input) ? POLL_WRITE : 0;
}

/* --- stdout, stderr, transcript --- */

static int stream_read(struct handle *handle, fuse_req_t request, size_t size, off_t offset)
{
    off_t after =
        recording_read(&handle->run->recordings[handle->type->stream], request, size, offset);
    if (after < 0)
        return (int)after;
    handle->position = after;
    return 0;
}

static struct list *stream_waiting(const struct handle *handle)
{
    return &handle->run->recordings[handle->type->stream].waiting;
}

static unsigned stream_poll(const struct handle *handle)
{
    const struct recording *recording = &handle->run->recordings[handle->type->stream];
    return recording_is_readable(recording, handle->position) ? POLL_READ : 0;
}

/* --- signal --- */

static int signal_store(const struct file_type *type, struct run *run, const struct value *value)
{
    char name[16]; /* longer than any name */
    (void)type;
    if (value->size >= sizeof(name) || memchr(value->text, 0, value->size))
        return -EINVAL;
    memcpy(name, value->text, value->size);
    name[value->size] = 0;
    int number = signal_number(name);
    return number < 0 ? -EINVAL : run_signal(run, number);
}

/* --- retval --- */

static int retval_show(const struct file_type *type, const struct run *run, FILE *out)
{
    (void)type;
    return fprintf(out, "%d\n", run->result.retval) < 0 ? -ENOMEM : 0;
}

static int retval_read(struct handle *handle, fuse_req_t request, size_t size, off_t offset)
{
    if (handle->run->state != RUN_ENDED)
        return -EAGAIN;
    return file_read_text(handle, request, size, offset);
}

static struct list *retval_waiting(const struct handle *handle)
{
    return &handle->run->waiting_end;
}

static unsigned retval_poll(const struct handle *handle)
{
    return handle->run->state == RUN_ENDED ? POLL_READ : 0;
}

/* --- ssh_login --- */

static int ssh_login_show(const struct file_type *type, const struct run *run, FILE *out)
{
    (void)type;
    return run->ssh_login && fputs(run->ssh_login, out) < 0 ? -ENOMEM : 0;
}

/* Empty where there was no session. */
static bool ssh_login_is_known(const struct run *run)
{
    return run->ssh_login || run->state == RUN_ENDED;
}

static int ssh_login_read(struct handle *handle, fuse_req_t request, size_t size, off_t offset)
{
    if (!ssh_login_is_known(handle->run))
        return -EAGAIN;
    return file_read_text(handle, request, size, offset);
}

static struct list *ssh_login_waiting(const struct handle *handle)
{
    return &handle->run->waiting_ssh;
}

static unsigned ssh_login_poll(const struct handle *handle)
{
    return ssh_login_is_known(handle->run) ? POLL_READ : 0;
}

/* --- peer --- */

static int peer_show(const struct file_type *type, const struct run *run, FILE *out)
{
    (void)type;
    return fprintf(out, "%s\n", run->peer_name ? run->peer_name : "") < 0 ? -ENOMEM : 0;
}

static int peer_store(const struct file_type *type, struct run *run, const struct value *value)
{
    const struct studentfs *fs = fuse_req_userdata(value->request);
    char name[NAME_MAX + 1];
    struct viewer viewer;
    (void)type;
    if (value->size == 0 || memchr(value->text, 0, value->size))
        return -EINVAL;
    if (value->size >= sizeof(name))
        return -ENAMETOOLONG;
    memcpy(name, value->text, value->size);
    name[value->size] = 0;
    struct run *other = runs_by_name(&fs->runs, name);
    viewer_of(value->request, &viewer);
    return other ? peer_wire(run, other, &viewer) : -ENOENT;
}

/* --- settings --- */

static int setting_show(const struct file_type *type, const struct run *run, FILE *out)
{
    setting_print(&type->setting, &run->settings, out);
    return 0;
}

static int setting_store(const struct file_type *type, struct run *run, const struct value *value)
{
    if (run->state != RUN_NEW)
        return -EBUSY;
    return setting_parse(&type->setting, &run->settings, value->text, value->size);
}

/* The one that can be written while the run lives. */
static int stdin_eof_store(const struct file_type *type, struct run *run, const struct value *value)
{
    struct settings asked = {0};
    int r = setting_parse(&type->setting, &asked, value->text, value->size);
    if (r < 0)
        return r;
    if (run->state == RUN_ENDED || (run->state != RUN_NEW && asked.stdin_eof != INPUT_END_NOW))
        return -EBUSY;
    run->settings.stdin_eof = asked.stdin_eof;
    input_set_end(&run->input, (enum input_end)asked.stdin_eof);
    return 0;
}

/* A script is split into words like a command, and must be one where it is not empty. */
static int teardown_store(const struct file_type *type, struct run *run, const struct value *value)
{
    int r = value->size > 0 ? studentrun_command_check(value->text, value->size) : 0;
    return r < 0 ? r : setting_store(type, run, value);
}

#define READABLE 0444
#define WRITABLE 0222
/* By nobody but whom the run belongs to, whatever its directory's mode. */
#define SECRET 0400

#define SETTING(file_name, setting_kind, ...)                                                      \
    {                                                                                              \
        .name = #file_name, .mode = READABLE | WRITABLE, .show = setting_show,                     \
        .store = setting_store, .setting = {                                                       \
            .kind = setting_kind,                                                                  \
            .offset = offsetof(struct settings, file_name),                                        \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

const struct file_type run_files[] = {
    {.name = "cmd",
     .mode = READABLE | WRITABLE,
     .show = cmd_show,
     .store = cmd_store,
     .is_command = true},
    {.name = "stdin",
     .mode = WRITABLE,
     .write = stdin_write,
     .waiting = stdin_waiting,
     .poll = stdin_poll,
     .is_input = true},
    {.name = "stdout",
     .mode = READABLE,
     .read = stream_read,
     .waiting = stream_waiting,
     .poll = stream_poll,
     .stream = RUN_STDOUT,
     .is_stream = true},
    {.name = "stderr",
     .mode = READABLE,
     .read = stream_read,
     .waiting = stream_waiting,
     .poll = stream_poll,
     .stream = RUN_STDERR,
     .is_stream = true},
    {.name = "transcript",
     .mode = READABLE,
     .read = stream_read,
     .waiting = stream_waiting,
     .poll = stream_poll,
     .stream = RUN_TRANSCRIPT,
     .is_stream = true},
    {.name = "peer", .mode = READABLE | WRITABLE, .show = peer_show, .store = peer_store},
    {.name = "signal", .mode = WRITABLE, .store = signal_store},
    {.name = "retval",
     .mode = READABLE,
     .show = retval_show,
     .read = retval_read,
     .waiting = retval_waiting,
     .poll = retval_poll},
    {.name = "status", .mode = READABLE, .show = status_show},
    {.name = "usage", .mode = READABLE, .show = usage_show},
    {.name = "ssh_login",
     .mode = SECRET,
     .show = ssh_login_show,
     .read = ssh_login_read,
     .waiting = ssh_login_waiting,
     .poll = ssh_login_poll},
    SETTING(container, SETTING_TEXT),
    SETTING(time_limit, SETTING_SECONDS, .max = SECONDS_MAX),
    SETTING(hard_time_limit, SETTING_SECONDS, .max = SECONDS_MAX),
    SETTING(memory_limit, SETTING_NUMBER, .min = MEBIBYTES_MIN, .max = MEBIBYTES_MAX),
    SETTING(share_network, SETTING_BOOL),
    SETTING(start_student_as_root, SETTING_BOOL),
    SETTING(ssh, SETTING_BOOL),
    SETTING(working_dir, SETTING_TEXT),
    {.name = "teardown_script",
     .mode = READABLE | WRITABLE,
     .show = setting_show,
     .store = teardown_store,
     .is_command = true,
     .setting = {.kind = SETTING_TEXT, .offset = offsetof(struct settings, teardown_script)}},
    SETTING(stdout_err_fuse, SETTING_BOOL),
    SETTING(output_limit, SETTING_NUMBER, .max = INT64_MAX),
    {.name = "stdin_eof",
     .mode = READABLE | WRITABLE,
     .show = setting_show,
     .store = stdin_eof_store,
     .setting = {.kind = SETTING_CHOICE,
                 .offset = offsetof(struct settings, stdin_eof),
                 .choices = input_end_names}},
};
const unsigned run_files_count = sizeof(run_files) / sizeof(run_files[0]);
_Static_assert(sizeof(run_files) / sizeof(run_files[0]) <= 32, "struct run has a bit for each");
