/* The connection to the client. */
#include "connection.h"

#include "base/cleanup.h"
#include "base/fdpass.h"
#include "control.h"
#include "protocol/msgpack_frame.h"

#include <errno.h>
#include <string.h>

#define READ_MIN 4096 /* room for one read: most commands, and many signals, come in one */

static int make_room(struct connection *connection)
{
    if (connection->capacity - connection->size >= READ_MIN)
        return 0;
    size_t capacity = 2 * connection->capacity + READ_MIN;
    char *data = realloc(connection->data, capacity);
    if (!data)
        return -ENOMEM;
    connection->data = data;
    connection->capacity = capacity;
    return 0;
}

/* Appends what is there, and keeps the first max_fds of its descriptors. */
static int receive(struct connection *connection, int *ret_fds, size_t max_fds, size_t *ret_n_fds)
{
    ssize_t n =
        fdpass_receive(connection->fd, connection->data + connection->size,
                       connection->capacity - connection->size, ret_fds, max_fds, ret_n_fds, NULL);
    if (n == -EAGAIN)
        return 0;
    if (n <= 0)
        return -EPIPE;
    connection->size += (size_t)n;
    return 0;
}

/* --- the hand-over --- */

static int receive_more(struct connection *connection, uint64_t deadline, int *ret_fds,
                        size_t max_fds, size_t *ret_n_fds)
{
    int r = make_room(connection);
    if (r == 0)
        r = control_wait(connection->fd, deadline);
    return r < 0 ? r : receive(connection, ret_fds, max_fds, ret_n_fds);
}

static int take_fds(struct connection *connection, uint64_t deadline)
{
    int fds[HANDOVER_FDS + 1]; /* one more tells too many */
    size_t n_fds = 0;
    while (connection->size == 0) {
        int r = receive_more(connection, deadline, fds, HANDOVER_FDS + 1, &n_fds);
        if (r < 0)
            return r;
    }
    if (n_fds == HANDOVER_FDS && connection->data[0] == HANDOVER_DESCRIPTORS) {
        memcpy(connection->fds, fds, sizeof(connection->fds));
        return 0;
    }
    while (n_fds > 0)
        close(fds[--n_fds]);
    return -EBADF;
}

static int take_map(struct connection *connection, uint64_t deadline, size_t *ret_size)
{
    for (;;) {
        int r = msgpack_frame_size(connection->data + 1, connection->size - 1, ret_size);
        if (r != -EAGAIN)
            return r;
        r = receive_more(connection, deadline, NULL, 0, NULL);
        if (r < 0)
            return r;
    }
}

int connection_take_command(struct connection *connection, uint64_t deadline,
                            struct message_run_student_command *ret_command)
{
    static const char hello = HANDOVER_HELLO;
    struct message message;
    size_t size = 0;
    if (fdpass_send(connection->fd, &hello, 1, NULL, 0) != 1)
        return -EPIPE;
    int r = take_fds(connection, deadline);
    if (r == 0)
        r = take_map(connection, deadline, &size);
    /* From here on the data stays where it is: the command's texts point into it. */
    if (r == 0)
        r = make_room(connection);
    if (r < 0)
        return r;
    connection->signals = 1 + size;
    r = message_decode(connection->data + 1, size, &message);
    if (r == -ENOMEM)
        return r;
    if (r < 0 || message.type != MESSAGE_RUN_STUDENT_COMMAND)
        return -EBADMSG;
    *ret_command = message.run_student_command;
    return 0;
}

const char *connection_error(int error)
{
    static const struct {
        int error;
        const char *text;
    } texts[] = {
        {ETIME, "the client did not hand over a command in time"},
        {EPIPE, "the client closed the connection before it had handed over a command"},
        {EBADF, "the client did not hand over three descriptors"},
        {EBADMSG, "what the client handed over is not a command"},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (texts[i].error == -error)
            return texts[i].text;
    return strerrordesc_np(-error);
}

void connection_close_fds(struct connection *connection)
{
    for (int i = 0; i < HANDOVER_FDS; i++)
        fd_clear(&connection->fds[i]);
}

/* --- signals --- */

int connection_read(struct connection *connection)
{
    /* Signals are taken out before more are read: there is room. */
    return receive(connection, NULL, 0, NULL);
}

int connection_next_signal(struct connection *connection)
{
    while (!connection->is_silent && connection->size - connection->signals >= SIGNAL_SIZE) {
        char *at = connection->data + connection->signals;
        int signal = signal_decode(at);
        connection->size -= SIGNAL_SIZE;
        memmove(at, at + SIGNAL_SIZE, connection->size - connection->signals);
        if (signal > 0)
            return signal;
        /* What is no signal is dropped, as 000 is in the protocol; the next three bytes count. */
        connection->is_silent = signal == 0;
    }
    return 0;
}
