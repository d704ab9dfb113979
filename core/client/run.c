/*
 * A run: its socket to the router, its link to the container's init, its timer, and the
 * actions that run_state.c orders when one of them has something to say.
 *
 * Every path from the loop into here ends in run_event(), whose last act may be a callback
 * that frees the run: nothing touches the run after it.
 */
#include "run_inside.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An agent of INGInious's makes it in grading containers that share its kernel. */
#define SHARED_KERNEL "/.__input/__shared_kernel"

/* For the return value that says why init went away before it had its command. */
#define LAST_WORDS_MS 2000

struct studentrun *run_of_link(struct list *link)
{
    return container_of(link, struct studentrun, link);
}

/* --- actions --- */

static void close_init(struct studentrun *run)
{
    init_link_close(&run->init);
}

/* The same for both modes, but for its name. */
static struct message command_message(const struct studentrun *run, enum message_type type)
{
    return (struct message){
        .type = type,
        .run_student_command = {.socket_id = text_of(init_link_id(&run->init)),
                                .student_container_id = text_of(run->container_id),
                                .command = text_of(run->command),
                                .teardown_script = text_of(run->teardown_script),
                                .working_dir = text_of(run->working_dir),
                                .ssh = run->ssh.engine != NULL,
                                .user = text_of(run->user)}};
}

static int send_command(struct studentrun *run)
{
    const struct message message = command_message(run, MESSAGE_RUN_STUDENT_COMMAND);
    _cleanup_free_ char *map = NULL;
    size_t size;
    int r = run->container_id ? message_encode(&message, &map, &size) : -ENOMEM;
    return r < 0 ? r : init_link_send_command(&run->init, map, size);
}

static void check_hand_over(struct studentrun *run, int r)
{
    if (r == 0)
        return;
    snprintf(run->reason, sizeof(run->reason), "broken hand-over: %s", strerror(-r));
    run_event(run, EVENT_INIT_GONE);
}

static void hand_over(struct studentrun *run)
{
    message_link_close(&run->messages);
    check_hand_over(run, send_command(run));
}

static void on_output_written(struct message_link *link)
{
    run_event(container_of(link, struct studentrun, messages), EVENT_DRAINED);
}

static void ask(struct studentrun *run)
{
    struct message message = command_message(run, MESSAGE_RUN_STUDENT_INIT);
    message.run_student_command.stdout_err_fuse = init_link_is_fused(&run->init);
    message_link_init(&run->messages, run->engine, &run->router, run->container_id,
                      run->agent_acknowledges, on_output_written);
    check_hand_over(run, run->container_id ? engine_send(&run->router, &message) : -ENOMEM);
}

/* Signals go by another socket: before the answer they might overtake the command. */
static void relay(struct studentrun *run)
{
    int fds[HANDOVER_FDS], signal;
    init_link_give_fds(&run->init, fds);
    int r = message_link_start(&run->messages, fds);
    while ((signal = init_link_take_signal(&run->init)) > 0)
        engine_signal(run->engine, run->container_id, signal);
    check_hand_over(run, r);
}

static void tell_started(struct studentrun *run)
{
    run->events.started(run, run->container_id ? run->container_id : "", run->userdata);
}

static void tell_handed_over(struct studentrun *run)
{
    run->events.handed_over(run, run->userdata);
}

/* All but what output has still to go by. */
static void release(struct studentrun *run)
{
    init_link_close(&run->init);
    ssh_login_close(&run->ssh);
    timer_deinit(&run->timer);
    zmq_watch_close(&run->router);
}

static void drain(struct studentrun *run)
{
    release(run);
    if (message_link_is_open(&run->messages))
        message_link_finish(&run->messages);
    else
        run_event(run, EVENT_DRAINED);
}

/* The message lies in a frame that lives until on_router()'s return, the closed socket or not. */
static void conclude(struct studentrun *run)
{
    result_of_retval(run->retval, run->reason, &run->result);
    drain(run);
}

static void conclude_fail(struct studentrun *run)
{
    run->result = (struct studentrun_result){
        .retval = run->is_unavailable ? RETVAL_UNAVAILABLE : RETVAL_FAILED,
        .termination =
            termination_name(run->is_unavailable ? TERMINATION_UNAVAILABLE : TERMINATION_FAILED),
        .reason = run->reason,
    };
    drain(run);
}

static void end(struct studentrun *run)
{
    message_link_close(&run->messages);
    struct studentrun_engine *engine = run->engine;
    run->events.ended(run, &run->result, run->userdata);
    engine_make_spare(engine);
}

typedef void action_fn(struct studentrun *run);
static action_fn *const action_fns[RUN_ACTION_COUNT] = {
    [ACTION_HAND_OVER] = hand_over,
    [ACTION_ASK] = ask,
    [ACTION_RELAY] = relay,
    [ACTION_CLOSE_INIT] = close_init,
    [ACTION_TELL_STARTED] = tell_started,
    [ACTION_TELL_HANDED_OVER] = tell_handed_over,
    [ACTION_CONCLUDE] = conclude,
    [ACTION_CONCLUDE_FAIL] = conclude_fail,
    [ACTION_END] = end,
};

/*
 * In message mode nothing but the router tells a run's end. After the limit a command has been
 * killed; its teardown and the way back have their times: as long as after an init that is gone,
 * twice.
 */
static uint64_t limit_ms(const struct studentrun *run)
{
    return run->wall_ms > 0 ? run->wall_ms + 2 * (uint64_t)run->engine->options.retval_timeout_ms
                            : 0;
}

static uint64_t timer_ms(const struct studentrun *run, enum run_timer timer)
{
    const struct studentrun_options *options = &run->engine->options;
    const uint64_t ms[RUN_TIMER_COUNT] = {
        [TIMER_START] =
            run->engine->was_connected ? options->start_timeout_ms : options->connect_timeout_ms,
        [TIMER_HANDOVER] = options->handover_timeout_ms,
        [TIMER_FALLBACK] = options->fallback_timeout_ms,
        [TIMER_LAST_WORDS] = options->handover_timeout_ms < LAST_WORDS_MS
                                 ? options->handover_timeout_ms
                                 : LAST_WORDS_MS,
        [TIMER_RETVAL] = options->retval_timeout_ms,
        [TIMER_LIMIT] = limit_ms(run),
        [TIMER_GRACE] = run->grace_ms,
    };
    return ms[timer];
}

static void set_timer(struct studentrun *run, enum run_timer timer)
{
    if (timer == TIMER_OFF || (timer == TIMER_LIMIT && run->wall_ms == 0))
        timer_disarm(&run->timer);
    else if (timer != TIMER_KEEP)
        timer_arm(&run->timer, timer_ms(run, timer) * NS_PER_MS);
}

void run_event(struct studentrun *run, enum run_event event)
{
    const struct run_step step = run_state_step(run->state, event);
    if (step.next == RUN_UNCHANGED)
        return;
    run->state = step.next;
    set_timer(run, step.timer);
    for (size_t i = 0; i < RUN_ACTIONS_MAX && step.actions[i]; i++)
        action_fns[step.actions[i]](run);
}

/* --- events --- */

/* Those of BROKEN and LOST were written on the way there. */
static void set_timeout_reason(struct studentrun *run)
{
    static const char *const silences[RUN_STATE_COUNT] = {
        [RUN_REQUESTED] = "the router did not answer in time",
        [RUN_GREETED] = "the router did not answer in time",
        [RUN_STARTED] = "the container did not ask for its command in time",
        [RUN_HANDING_OVER] = "the container did not take its command in time",
        [RUN_ASKED] = "the router did not take the command in time",
        [RUN_GONE] = "the container is gone, and no return value came in time",
        [RUN_RELAYED] = "the run's time is over, and no return value came",
    };
    const char *silence = silences[run->state];
    run->is_unavailable = silence && !run->engine->was_connected;
    if (run->is_unavailable)
        snprintf(run->reason, sizeof(run->reason), "no router at %s", run->engine->router);
    else if (silence)
        snprintf(run->reason, sizeof(run->reason), "%s (router %s)", silence, run->engine->router);
}

/* The end waits behind output, which waits for whoever reads it. */
static bool is_kept_waiting(const struct studentrun *run)
{
    uint64_t silence_ns = 2 * NS_PER_MS * run->engine->options.retval_timeout_ms;
    return run->state == RUN_RELAYED && (message_link_output_waits(&run->messages) ||
                                         monotonic_ns() < run->heard_ns + silence_ns);
}

static void on_timer(struct timer *timer)
{
    struct studentrun *run = container_of(timer, struct studentrun, timer);
    if (is_kept_waiting(run)) {
        set_timer(run, TIMER_RETVAL);
        return;
    }
    set_timeout_reason(run);
    run_event(run, EVENT_TIMEOUT);
}

static void on_init(struct init_link *init, enum run_event event)
{
    static const char *const faults[RUN_EVENT_COUNT] = {
        [EVENT_GARBAGE] = "broken hand-over: the container's init did not ask for its command",
        [EVENT_INIT_GONE] = "broken hand-over: the container's init went away",
    };
    struct studentrun *run = container_of(init, struct studentrun, init);
    if (faults[event] && run->state != RUN_LOST)
        snprintf(run->reason, sizeof(run->reason), "%s", faults[event]);
    run_event(run, event);
}

void run_router_found(struct studentrun *run)
{
    if (run->state == RUN_REQUESTED)
        set_timer(run, TIMER_START);
}

void run_router_lost(struct studentrun *run, uint32_t grace_ms, const char *reason)
{
    run->grace_ms = grace_ms;
    snprintf(run->reason, sizeof(run->reason), "%s", reason);
    run_event(run, EVENT_ROUTER_LOST);
}

/* --- ssh --- */

static bool on_init_bytes(struct init_link *init, const char *data, size_t size)
{
    struct studentrun *run = container_of(init, struct studentrun, init);
    int r = ssh_login_read(&run->ssh, run->container_id, data, size);
    if (r == 0)
        return true;
    snprintf(run->reason, sizeof(run->reason), "the ssh session: %s",
             r == -EBADMSG ? "what the container's init said is no login" : strerror(-r));
    run_event(run, EVENT_GARBAGE);
    return false;
}

static void on_login(struct ssh_login *login)
{
    struct studentrun *run = container_of(login, struct studentrun, ssh);
    const struct studentrun_ssh_login known = {login->user, login->password, login->host,
                                               login->port};
    if (run->events.ssh_ready)
        run->events.ssh_ready(run, &known, run->userdata);
}

static int open_ssh(struct studentrun *run)
{
    run->init.reader = on_init_bytes;
    return ssh_login_open(&run->ssh, run->engine, on_login);
}

/* --- from the caller --- */

static int open_router(struct studentrun *run)
{
    void *socket;
    int r = engine_socket(run->engine, &socket);
    return r < 0 ? r : zmq_watch_open(&run->router, &run->engine->loop, socket, run_on_router);
}

static enum studentrun_transport choose_transport(const struct studentrun_engine *engine,
                                                  const struct studentrun_request *request)
{
    if (engine->options.transport != STUDENTRUN_TRANSPORT_AUTO)
        return engine->options.transport;
    return !request->run_as_root && access(SHARED_KERNEL, F_OK) == 0 ? STUDENTRUN_TRANSPORT_FD
                                                                     : STUDENTRUN_TRANSPORT_AUTO;
}

/* The request comes after the link, for an agent may connect as soon as it has that; the
 * caller's descriptors are taken when nothing can fail any more. */
static int run_open(struct studentrun *run, const struct studentrun_request *request)
{
    struct studentrun_engine *engine = run->engine;
    int r = run_request_copy(run, request);
    if (r == 0)
        r = timer_init(&engine->loop, &run->timer, on_timer);
    if (r == 0)
        r = open_router(run);
    if (r == 0)
        r = init_link_open(&run->init, &engine->loop, engine->sockets_dir, request->fds,
                           run->transport != STUDENTRUN_TRANSPORT_MESSAGE, on_init);
    if (r == 0 && request->ssh)
        r = open_ssh(run);
    if (r == 0)
        r = run_request_send(run, request);
    if (r == 0)
        init_link_take_fds(&run->init, request->fds);
    return r;
}

int studentrun_start(struct studentrun_engine *engine, const struct studentrun_request *request,
                     const struct studentrun_events *events, void *userdata,
                     struct studentrun **ret_run)
{
    int r = run_request_check(request);
    if (r < 0)
        return r;
    struct studentrun *run = calloc(1, sizeof(*run));
    if (!run)
        return -ENOMEM;
    *run = (struct studentrun){.engine = engine,
                               .events = *events,
                               .userdata = userdata,
                               .state = RUN_REQUESTED,
                               .transport = choose_transport(engine, request)};
    list_append(&engine->runs, &run->link);
    r = run_open(run, request);
    if (r < 0) {
        studentrun_free(run);
        return r;
    }
    set_timer(run, TIMER_START);
    *ret_run = run;
    return 0;
}

void studentrun_free(struct studentrun *run)
{
    if (!run)
        return;
    release(run);
    message_link_close(&run->messages);
    list_remove(&run->link);
    free(run->command);
    free(run->teardown_script);
    free(run->working_dir);
    free(run->container_id);
    free(run);
}

const char *studentrun_enforced(const struct studentrun *run)
{
    return *run->enforced ? run->enforced : NULL;
}

pid_t studentrun_init_pid(const struct studentrun *run)
{
    return run->init_pid;
}

ino_t studentrun_stdin_pipe(const struct studentrun *run)
{
    return message_link_input_is_idle(&run->messages) ? run->stdin_pipe : 0;
}

static bool takes_signals(const struct studentrun *run)
{
    static const bool takes[RUN_STATE_COUNT] = {
        [RUN_REQUESTED] = true,    [RUN_GREETED] = true, [RUN_STARTED] = true, [RUN_UNSURE] = true,
        [RUN_HANDING_OVER] = true, [RUN_RUNNING] = true, [RUN_ASKED] = true,   [RUN_RELAYED] = true,
    };
    return takes[run->state];
}

bool studentrun_signals_are_read(const struct studentrun *run)
{
    bool wait_here = takes_signals(run) && init_link_has_signals(&run->init);
    return !wait_here && run->engine->n_unread == 0;
}

int studentrun_signal(struct studentrun *run, int signal)
{
    if (signal < 1 || signal > SIGNAL_MAX)
        return -EINVAL;
    if (!takes_signals(run))
        return -ESRCH;
    return run->state == RUN_RELAYED ? engine_signal(run->engine, run->container_id, signal)
                                     : init_link_signal(&run->init, signal);
}
