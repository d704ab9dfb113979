/* What the router says of a run. */
#include "run_inside.h"

#include <stdio.h>
#include <string.h>

/*
 * Section 8 of the protocol; init's H settles it as well. A student who is root goes by messages,
 * but where the agent says that descriptors work: ours says so of both users.
 */
static enum run_event started_event(const struct studentrun *run, unsigned features)
{
    if (run->transport == STUDENTRUN_TRANSPORT_MESSAGE)
        return EVENT_STARTED_MESSAGE;
    if (run->transport == STUDENTRUN_TRANSPORT_FD || (features & FEATURE_FD))
        return EVENT_STARTED_FD;
    bool is_root = strcmp(run->user, USER_ROOT) == 0;
    return is_root || (features & FEATURE_MESSAGE) ? EVENT_STARTED_MESSAGE : EVENT_STARTED_EITHER;
}

static void write_enforced(unsigned flags, char *ret_text, size_t size)
{
    size_t used = 0;
    for (unsigned limit = 1; limit <= LIMITS_ALL && used < size; limit <<= 1)
        if (flags & limit)
            used += (size_t)snprintf(ret_text + used, size - used, "%s%s", used ? " " : "",
                                     limit_name(limit));
}

static void take_started(struct studentrun *run, const struct message *message, zmq_msg_t *frame)
{
    const struct message_run_student_started *started = &message->run_student_started;
    (void)frame;
    if (run->container_id) /* said twice */
        return;
    run->container_id = strndup(started->container_id.data, started->container_id.size);
    if (started->init_pid > 0 && started->init_pid <= INT32_MAX)
        run->init_pid = (pid_t)started->init_pid;
    if (started->stdin_pipe > 0)
        run->stdin_pipe = (ino_t)started->stdin_pipe;
    write_enforced(started->enforced, run->enforced, sizeof(run->enforced));
    run->agent_acknowledges = started->features & FEATURE_MESSAGE;
    run_event(run, started_event(run, started->features));
}

/* Our agent's, of its own accord, that the command has closed its input; else the answer to
 * run_student_init: the router answers no other dummy. */
static void take_dummy(struct studentrun *run, const struct message *message, zmq_msg_t *frame)
{
    (void)frame;
    if (!text_equals(message->dummy.acknowledges, "stdin"))
        run_event(run, EVENT_ANSWERED);
    else if (message->dummy.closed && message_link_is_open(&run->messages))
        message_link_stop_input(&run->messages);
}

/* A command that writes was taken, whether or not the answer that says so has come. */
static void take_output(struct studentrun *run, const struct message *message, zmq_msg_t *frame)
{
    if (!message_link_is_open(&run->messages))
        return;
    message_link_take(&run->messages, message, frame);
    run_event(run, EVENT_ANSWERED);
}

static void take_retval(struct studentrun *run, const struct message *message, zmq_msg_t *frame)
{
    (void)frame;
    run->retval = &message->run_student_retval;
    if (result_is_retval(run->retval->retval)) {
        run_event(run, EVENT_RETVAL);
        return;
    }
    snprintf(run->reason, sizeof(run->reason), "the agent gave %lld, which is no return value",
             (long long)run->retval->retval);
    run_event(run, EVENT_BAD_RETVAL);
}

static void take_ssh(struct studentrun *run, const struct message *message, zmq_msg_t *frame)
{
    (void)frame;
    ssh_login_take(&run->ssh, &message->ssh_student);
}

/* The message lies in the frame, which may be moved out of. */
typedef void message_fn(struct studentrun *run, const struct message *message, zmq_msg_t *frame);
static message_fn *const message_fns[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_RUN_STUDENT_STARTED] = take_started,
    [MESSAGE_RUN_STUDENT_RETVAL] = take_retval,
    [MESSAGE_DUMMY] = take_dummy,
    [MESSAGE_STDOUT] = take_output,
    [MESSAGE_STDERR] = take_output,
    [MESSAGE_SSH_STUDENT] = take_ssh,
};

/* What is no message, or none for a client, is passed over: a newer router may say more. */
void run_on_router(struct zmq_watch *watch, zmq_msg_t *frames, size_t n_frames)
{
    struct studentrun *run = container_of(watch, struct studentrun, router);
    const struct message dummy = {.type = MESSAGE_DUMMY};
    struct message message;
    run->heard_ns = monotonic_ns();
    bool is_message =
        n_frames == 2 && zmq_msg_size(&frames[0]) == 0 &&
        message_decode(zmq_msg_data(&frames[1]), zmq_msg_size(&frames[1]), &message) == 0;
    /* Nothing depends on a dummy's arrival: where the socket is full, the router has plenty. */
    if (!is_message || message.type != MESSAGE_RUN_STUDENT_RETVAL)
        engine_send(&run->router, &dummy);
    if (is_message && message_fns[message.type])
        message_fns[message.type](run, &message, &frames[1]);
}
