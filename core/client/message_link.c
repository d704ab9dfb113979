/* A run's input and output in message mode. */
#include "message_link.h"

#include "base/cleanup.h"
#include "engine.h"

#include <errno.h>
#include <fcntl.h>

#define STREAMS 2

static const struct {
    enum message_type type;
    const char *name;
} streams[STREAMS] = {{MESSAGE_STDOUT, "stdout"}, {MESSAGE_STDERR, "stderr"}};

/* --- back to the router --- */

/* Nothing hangs on one's arrival for ever: a socket that is full has a router that is gone. */
static void acknowledge(struct message_link *link, int stream)
{
    struct outlet *outlet = &link->output[stream];
    const struct message message = {
        .type = MESSAGE_DUMMY,
        .dummy = {.acknowledges = text_of(streams[stream].name), .closed = outlet->is_closed}};
    for (; outlet->done > 0; outlet->done--)
        if (link->acknowledges && !link->is_finishing)
            engine_send(link->router, &message);
}

static size_t waiting(const struct message_link *link)
{
    size_t size = 0;
    for (int i = 0; i < STREAMS; i++)
        size += link->output[i].size;
    return size;
}

static void tell_finished(struct message_link *link)
{
    for (int i = 0; i < STREAMS; i++)
        if (!outlet_is_empty(&link->output[i]))
            return;
    link->fn(link);
}

static void on_output(struct message_link *link, int stream)
{
    acknowledge(link, stream);
    if (link->is_finishing)
        tell_finished(link);
    else
        zmq_watch_pause(link->router, waiting(link) > WAITING_MAX);
}

static void on_stdout(struct outlet *outlet)
{
    on_output(container_of(outlet, struct message_link, output[0]), 0);
}

static void on_stderr(struct outlet *outlet)
{
    on_output(container_of(outlet, struct message_link, output[1]), 1);
}

void message_link_take(struct message_link *link, const struct message *message, zmq_msg_t *frame)
{
    for (int i = 0; i < STREAMS; i++)
        if (streams[i].type == message->type)
            outlet_push(&link->output[i], frame, &message->block);
    zmq_watch_pause(link->router, waiting(link) > WAITING_MAX);
}

/* --- the whole --- */

void message_link_init(struct message_link *link, struct studentrun_engine *engine,
                       struct zmq_watch *router, const char *container_id, bool acknowledges,
                       message_link_fn *fn)
{
    *link = (struct message_link){.engine = engine,
                                  .router = router,
                                  .container_id = container_id,
                                  .acknowledges = acknowledges,
                                  .fn = fn};
    outlet_init(&link->output[0], on_stdout);
    outlet_init(&link->output[1], on_stderr);
}

/* One descriptor may be given for several streams: each needs its own, for epoll. */
static int tell_apart(int fds[3])
{
    for (int i = 1; i < 3; i++) {
        for (int j = 0; j < i; j++) {
            if (fds[i] != fds[j])
                continue;
            fds[i] = fcntl(fds[j], F_DUPFD_CLOEXEC, 3);
            if (fds[i] < 0)
                return -errno;
        }
    }
    return 0;
}

/* Output first: a stream that nobody reads is closed before a command has input that makes it
 * write. */
int message_link_start(struct message_link *link, int fds[3])
{
    int r = tell_apart(fds);
    for (int i = 0; i < STREAMS && r == 0; i++)
        outlet_open(&link->output[i], &link->engine->loop, fd_steal(&fds[1 + i]));
    if (r == 0)
        r = inlet_open(&link->input, link->engine, link->container_id, fd_steal(&fds[0]));
    for (int i = 0; i < 3; i++)
        fd_clear(&fds[i]);
    return r;
}

bool message_link_input_is_idle(const struct message_link *link)
{
    return inlet_is_idle(&link->input);
}

void message_link_stop_input(struct message_link *link)
{
    inlet_close(&link->input);
}

void message_link_finish(struct message_link *link)
{
    inlet_close(&link->input);
    link->is_finishing = true;
    for (int i = 0; i < STREAMS; i++)
        if (!link->output[i].is_opened) /* output of a command that nobody said was taken */
            outlet_deinit(&link->output[i]);
    tell_finished(link);
}

void message_link_close(struct message_link *link)
{
    if (!link->engine)
        return;
    inlet_close(&link->input);
    for (int i = 0; i < STREAMS; i++)
        outlet_deinit(&link->output[i]);
    link->engine = NULL;
}

bool message_link_output_waits(const struct message_link *link)
{
    return waiting(link) > 0;
}

bool message_link_is_open(const struct message_link *link)
{
    return link->engine != NULL;
}
