/* A run: see run.h for its life. */
#include "run.h"

#include "base/cleanup.h"
#include "base/student.h"
#include "blocked.h"
#include "caller.h"
#include "handle.h"
#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* As much as an unprivileged process may ask for; fewer, larger reads. */
#define PIPE_SIZE (1 << 20)

static void on_stdout(struct recording *recording)
{
    struct run *run = container_of(recording, struct run, recordings[RUN_STDOUT]);
    transcript_recording(&run->transcript, TRANSCRIPT_STDOUT, recording);
    if (recording->ended)
        peer_output_ended(run);
    handle_notify_all(&run->handles);
}

static void on_stderr(struct recording *recording)
{
    struct run *run = container_of(recording, struct run, recordings[RUN_STDERR]);
    transcript_recording(&run->transcript, TRANSCRIPT_STDERR, recording);
    handle_notify_all(&run->handles);
}

static void on_transcript(struct recording *recording)
{
    handle_notify_all(&container_of(recording, struct run, recordings[RUN_TRANSCRIPT])->handles);
}

static void on_input(struct input *input)
{
    struct run *run = container_of(input, struct run, input);
    peer_input_changed(run);
    handle_notify_all(&run->handles);
}

static void on_input_ended(struct input *input)
{
    struct run *run = container_of(input, struct run, input);
    transcript_end(&run->transcript, TRANSCRIPT_STDIN);
    peer_input_changed(run);
}

int run_new(const struct run_context *context, const char *name, const struct settings *settings,
            struct run **ret_run)
{
    struct run *run = calloc(1, sizeof(*run));
    if (!run)
        return -ENOMEM;
    run->name = strdup(name);
    if (!run->name || settings_copy(settings, &run->settings) < 0) {
        free(run->name);
        free(run);
        return -ENOMEM;
    }
    run->context = context;
    run->references = 1;
    clock_gettime(CLOCK_REALTIME, &run->made);
    run->changed = run->made;
    recording_init(&run->recordings[RUN_STDOUT], context->pool, on_stdout);
    recording_init(&run->recordings[RUN_STDERR], context->pool, on_stderr);
    recording_init(&run->recordings[RUN_TRANSCRIPT], context->pool, on_transcript);
    transcript_init(&run->transcript, &run->recordings[RUN_TRANSCRIPT]);
    input_init(&run->input, on_input, on_input_ended);
    input_set_end(&run->input, (enum input_end)run->settings.stdin_eof);
    list_init(&run->handles);
    list_init(&run->waiting_end);
    list_init(&run->waiting_ssh);
    *ret_run = run;
    return 0;
}

struct run *run_ref(struct run *run)
{
    run->references++;
    return run;
}

void run_unref(struct run *run)
{
    if (--run->references > 0)
        return;
    run->context->freed(run->context->owner, run);
    studentrun_free(run->client);
    input_deinit(&run->input);
    for (int i = 0; i < RUN_RECORDINGS; i++)
        recording_deinit(&run->recordings[i]);
    settings_deinit(&run->settings);
    free(run->result.reason);
    free(run->ssh_login);
    free(run->peer_name);
    free(run->container_id);
    free(run->enforced);
    free(run->working_dir);
    free(run->command);
    free(run->name);
    free(run);
}

bool run_is_going_on(const struct run *run)
{
    return run->state == RUN_STARTING || run->state == RUN_RUNNING;
}

bool run_waits_for_input(const struct run *run)
{
    const struct input *input = &run->input;
    if (run->state != RUN_RUNNING || input->fd < 0 || input->buffered > 0)
        return false;
    return blocked_on_pipe(studentrun_init_pid(run->client), input->fd,
                           studentrun_stdin_pipe(run->client));
}

uint64_t run_wall_usec(const struct run *run)
{
    if (run->state == RUN_RUNNING)
        return (monotonic_ns() - run->running_ns) / NS_PER_US;
    return run->wall_usec;
}

static void set_state(struct run *run, enum run_state state)
{
    run->state = state;
    clock_gettime(CLOCK_REALTIME, &run->changed);
}

static void tell_end(struct run *run)
{
    const struct run_result *result = &run->result;
    char text[TRANSCRIPT_LINE_MAX];
    snprintf(text, sizeof(text), "ended %d %s%s%s", result->retval, result->termination,
             result->reason ? " " : "", result->reason ? result->reason : "");
    transcript_state(&run->transcript, text);
    recording_end(&run->recordings[RUN_TRANSCRIPT]);
}

/* The agent cannot know: to it such a command sleeps. */
static bool input_was_forgotten(const struct run *run, const struct studentrun_result *result)
{
    return strcmp(result->termination, "wall_time") == 0 && !run->input.opened &&
           run->input.mode != INPUT_END_NOW;
}

static char *describe(const struct run *run, const struct studentrun_result *result)
{
    const char *more =
        input_was_forgotten(run, result) ? "; nobody opened stdin, so its input had no end" : "";
    char *text;
    return result->reason && asprintf(&text, "%s%s", result->reason, more) >= 0 ? text : NULL;
}

/* The one way to the end. A result of the agent's is copied; strings of ours are literals. */
static void finish(struct run *run, const struct studentrun_result *result)
{
    run->wall_usec = result->wall_usec ? result->wall_usec : run_wall_usec(run);
    set_state(run, RUN_ENDED);
    run->context->settled(run->context->keeper, run);
    run->result = (struct run_result){
        .retval = result->retval,
        .signal = result->signal,
        .termination = result->termination,
        .reason = describe(run, result),
        .cpu_usec = result->cpu_usec,
        .memory_peak = result->memory_peak,
    };
    studentrun_free(run->client);
    run->client = NULL;
    run->incomplete = false;
    for (int i = 0; i < RUN_STREAMS; i++)
        recording_end(&run->recordings[i]);
    input_stop(&run->input);
    peer_run_ended(run);
    tell_end(run);
    parked_wake(&run->waiting_end);
    parked_wake(&run->waiting_ssh);
    handle_notify_all(&run->handles);
    run->context->changed(run->context->owner, run);
}

void run_fail(struct run *run, const char *reason)
{
    struct studentrun_result result = {.retval = 254, .termination = "failed", .reason = reason};
    finish(run, &result);
}

static void on_started(struct studentrun *client, const char *container_id, void *userdata)
{
    struct run *run = userdata;
    const char *enforced = studentrun_enforced(client);
    run->container_id = strdup(container_id);
    run->enforced = enforced ? strdup(enforced) : NULL;
}

static void on_handed_over(struct studentrun *client, void *userdata)
{
    struct run *run = userdata;
    (void)client;
    run->running_ns = monotonic_ns();
    set_state(run, RUN_RUNNING);
    transcript_state(&run->transcript, "running");
    run->context->changed(run->context->owner, run);
}

/* A place is left out that the agent did not say. */
static void on_ssh_ready(struct studentrun *client, const struct studentrun_ssh_login *login,
                         void *userdata)
{
    struct run *run = userdata;
    char host[NI_MAXHOST + 16] = "", port[16] = "";
    (void)client;
    if (login->host)
        snprintf(host, sizeof(host), "host: %s\n", login->host);
    if (login->port)
        snprintf(port, sizeof(port), "port: %u\n", login->port);
    if (asprintf(&run->ssh_login, "user: %s\npassword: %s\n%s%s", login->user, login->password,
                 host, port) < 0)
        run->ssh_login = NULL;
    transcript_state(&run->transcript, "ssh");
    parked_wake(&run->waiting_ssh);
    handle_notify_all(&run->handles);
}

static void on_ended(struct studentrun *client, const struct studentrun_result *result,
                     void *userdata)
{
    (void)client;
    finish(userdata, result);
}

static const struct studentrun_events events = {
    .started = on_started,
    .handed_over = on_handed_over,
    .ssh_ready = on_ssh_ready,
    .ended = on_ended,
};

struct pipes {
    int ours[3], student[3];
};

static void close_pipes(struct pipes *pipes)
{
    for (int i = 0; i < 3; i++) {
        fd_clear(&pipes->ours[i]);
        fd_clear(&pipes->student[i]);
    }
}

static int make_pipes(const struct run *run, struct pipes *pipes)
{
    *pipes = (struct pipes){.ours = {-1, -1, -1}, .student = {-1, -1, -1}};
    bool fused = run->settings.stdout_err_fuse;
    int r = student_pipe(1, PIPE_SIZE, &pipes->ours[0], &pipes->student[0]);
    if (r == 0)
        r = student_pipe(0, PIPE_SIZE, &pipes->ours[1], &pipes->student[1]);
    if (r == 0 && !fused)
        r = student_pipe(0, PIPE_SIZE, &pipes->ours[2], &pipes->student[2]);
    if (r == 0 && fused) {
        pipes->student[2] = fcntl(pipes->student[1], F_DUPFD_CLOEXEC, 3);
        r = pipes->student[2] < 0 ? -errno : 0;
    }
    if (r < 0)
        close_pipes(pipes);
    return r;
}

/* Puts our ends to work; they are taken. */
static int open_streams(struct run *run, struct pipes *pipes)
{
    struct loop *loop = run->context->loop;
    uint64_t limit = run->settings.output_limit;
    int r = input_start(&run->input, loop, fd_steal(&pipes->ours[0]));
    if (r == 0)
        r = recording_open(&run->recordings[RUN_STDOUT], loop, fd_steal(&pipes->ours[1]), limit);
    if (r == 0 && run->settings.stdout_err_fuse)
        recording_end(&run->recordings[RUN_STDERR]);
    else if (r == 0)
        r = recording_open(&run->recordings[RUN_STDERR], loop, fd_steal(&pipes->ours[2]), limit);
    return r;
}

static int request(struct run *run, struct pipes *pipes)
{
    const struct settings *settings = &run->settings;
    bool other = settings->container && *settings->container;
    struct studentrun_request request = {
        .environment = other ? settings->container : NULL,
        .time_limit_usec = settings->time_limit,
        .hard_time_limit_usec = settings->hard_time_limit,
        .memory_limit = (uint32_t)settings->memory_limit,
        .share_network = settings->share_network,
        .run_as_root = settings->start_student_as_root,
        .ssh = settings->ssh,
        .command = run->command,
        .teardown_script = settings->teardown_script,
        .working_dir = run->working_dir,
        .fds = {pipes->student[0], pipes->student[1], pipes->student[2]},
    };
    int r = studentrun_start(run->context->engine, &request, &events, run, &run->client);
    for (int i = 0; r == 0 && i < 3; i++)
        fd_steal(&pipes->student[i]);
    return r;
}

/* From here on nothing is the writer's fault: what fails ends the run with a reason. */
static int start(struct run *run)
{
    struct pipes pipes;
    int r = make_pipes(run, &pipes);
    if (r < 0)
        return r;
    r = request(run, &pipes);
    if (r == 0)
        r = open_streams(run, &pipes);
    close_pipes(&pipes);
    peer_input_changed(run);
    return r;
}

/* With ssh there need not be a command. */
static int check_command(const struct run *run, const char *command, size_t size)
{
    size_t blanks = 0;
    while (blanks < size && strchr(" \t\r\n", command[blanks]) && command[blanks])
        blanks++;
    return run->settings.ssh && blanks == size ? 0 : studentrun_command_check(command, size);
}

int run_start(struct run *run, const char *command, size_t size, pid_t writer)
{
    if (run->state != RUN_NEW)
        return -EBUSY;
    int r = check_command(run, command, size);
    if (r < 0)
        return r;
    char *text = strndup(command, size);
    char *directory = caller_working_dir(run->settings.working_dir, run->context->task_dir, writer);
    if (!text || !directory) {
        free(text);
        free(directory);
        return -ENOMEM;
    }
    run->command = text;
    run->working_dir = directory;
    set_state(run, RUN_STARTING);
    run->incomplete = false;
    transcript_start(&run->transcript);
    transcript_state(&run->transcript, "starting");
    run->context->changed(run->context->owner, run);
    r = start(run);
    if (r < 0) {
        char reason[128];
        snprintf(reason, sizeof(reason), "studentfs could not start it: %s", strerror(-r));
        run_fail(run, reason);
    }
    return 0;
}

ssize_t run_write_input(struct run *run, const char *data, size_t size)
{
    ssize_t n = input_write(&run->input, data, size);
    if (n > 0)
        transcript_bytes(&run->transcript, TRANSCRIPT_STDIN, data, (size_t)n);
    return n;
}

int run_signal(struct run *run, int signal)
{
    int r = run_is_going_on(run) ? studentrun_signal(run->client, signal) : -ESRCH;
    if (r == 0)
        transcript_signal(&run->transcript, signal);
    return r;
}

void run_remove(struct run *run)
{
    static const struct studentrun_result removed = {
        .retval = 254, .termination = "removed", .reason = "removed"};
    run->removed = true;
    if (run->state != RUN_ENDED)
        finish(run, &removed);
}
