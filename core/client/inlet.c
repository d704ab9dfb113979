/* The command's standard input. */
#include "inlet.h"

#include "engine.h"
#include "protocol/message.h"

#include <errno.h>

/* Input and its end are told alike. A router that takes nothing is one that lost the run. */
static void send_block(struct inlet *inlet, const char *data, size_t size)
{
    const struct message message = {.type = MESSAGE_STDIN,
                                    .block = {.message = {data, size},
                                              .student_container_id = text_of(inlet->container_id),
                                              .eof = size == 0}};
    int r = engine_send(&inlet->router, &message);
    if (r == 0)
        inlet->unanswered++;
    if (r < 0 || size == 0)
        stream_close(&inlet->stream);
}

static void go_on(struct inlet *inlet)
{
    while (stream_is_open(&inlet->stream) && inlet->unanswered < INLET_WINDOW) {
        ssize_t n = stream_read(&inlet->stream, inlet->engine->block, BLOCK_MAX);
        if (n == -EAGAIN) {
            stream_wait(&inlet->stream);
            return;
        }
        send_block(inlet, inlet->engine->block, n > 0 ? (size_t)n : 0);
    }
    if (!stream_is_open(&inlet->stream) && inlet->unanswered == 0)
        inlet_close(inlet);
}

static void on_readable(struct stream *stream)
{
    go_on(container_of(stream, struct inlet, stream));
}

/* Whatever the answer is: it is the one to the oldest block. */
static void on_answer(struct zmq_watch *watch, zmq_msg_t *frames, size_t n_frames)
{
    struct inlet *inlet = container_of(watch, struct inlet, router);
    struct message message;
    bool is_dummy =
        n_frames == 2 &&
        message_decode(zmq_msg_data(&frames[1]), zmq_msg_size(&frames[1]), &message) == 0 &&
        message.type == MESSAGE_DUMMY;
    if (inlet->unanswered > 0)
        inlet->unanswered--;
    if (is_dummy && message.dummy.closed) /* who writes to it gets SIGPIPE, as in fd mode */
        stream_close(&inlet->stream);
    go_on(inlet);
}

int inlet_open(struct inlet *inlet, struct studentrun_engine *engine, const char *container_id,
               int fd)
{
    void *socket;
    *inlet = (struct inlet){.engine = engine, .container_id = container_id};
    stream_open(&inlet->stream, &engine->loop, fd, false, on_readable);
    int r = engine_block(engine);
    if (r == 0)
        r = engine_socket(engine, &socket);
    if (r == 0)
        r = zmq_watch_open(&inlet->router, &engine->loop, socket, on_answer);
    if (r < 0)
        inlet_close(inlet);
    else
        go_on(inlet);
    return r;
}

bool inlet_is_idle(const struct inlet *inlet)
{
    return stream_is_open(&inlet->stream) && inlet->unanswered == 0;
}

void inlet_close(struct inlet *inlet)
{
    stream_close(&inlet->stream);
    zmq_watch_close(&inlet->router);
    inlet->engine = NULL;
}
