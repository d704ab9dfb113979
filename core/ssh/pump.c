/* The bytes of one session. */
#include "pump.h"

#include "base/cleanup.h"
#include "protocol/session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>

#define BLOCKS_MAX 16 /* in one turn, of each stream */

void pump_init(struct pump *pump, ssh_event event, ssh_session session, ssh_channel channel)
{
    *pump = (struct pump){.event = event,
                          .session = session,
                          .channel = channel,
                          .in = -1,
                          .out = -1,
                          .err = -1,
                          .log = -1};
}

static int take(int fd)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return fd;
}

void pump_start(struct pump *pump, bool has_terminal, const int *fds, bool has_log)
{
    pump->has_terminal = has_terminal;
    if (has_terminal) {
        pump->out = take(fds[0]);
        pump->in = take(dup(fds[0])); /* one of its own: an event has one row per descriptor */
    } else {
        pump->in = take(fds[0]);
        pump->out = take(fds[1]);
        pump->err = take(fds[2]);
    }
    if (has_log)
        pump->log = fds[has_terminal ? 1 : SESSION_PIPES];
}

/* --- what the event looks for --- */

/* The next move looks at everything. */
static int on_fd(socket_t fd, int revents, void *userdata)
{
    (void)fd, (void)revents, (void)userdata;
    return 0;
}

static void look_for(struct pump *pump, int fd, short *looked_for, short events)
{
    if (*looked_for == events)
        return;
    if (*looked_for)
        ssh_event_remove_fd(pump->event, fd);
    if (events)
        ssh_event_add_fd(pump->event, fd, events, on_fd, NULL);
    *looked_for = events;
}

static void finish(struct pump *pump, int *fd, short *looked_for)
{
    look_for(pump, *fd, looked_for, 0);
    fd_clear(fd);
}

/* --- to the program --- */

static bool fill_input(struct pump *pump)
{
    int n = ssh_channel_read_nonblocking(pump->channel, pump->input, sizeof(pump->input), 0);
    pump->input_at = 0;
    pump->input_size = n > 0 ? (size_t)n : 0;
    pump->input_ended = n == SSH_EOF || n == SSH_ERROR || ssh_channel_is_eof(pump->channel);
    return n > 0;
}

/* False: the program takes no more for now. */
static bool write_input(struct pump *pump)
{
    ssize_t n = write(pump->in, pump->input + pump->input_at, pump->input_size - pump->input_at);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n < 0) { /* it reads no more: what comes is dropped */
        finish(pump, &pump->in, &pump->in_events);
        return true;
    }
    pump->input_at += (size_t)n;
    return true;
}

static bool input_waits(const struct pump *pump)
{
    return pump->in >= 0 && pump->input_at < pump->input_size;
}

static void move_input(struct pump *pump)
{
    pump->has_more = true;
    for (int i = 0; i < 2 * BLOCKS_MAX && pump->has_more; i++) {
        if (input_waits(pump)) {
            pump->has_more = write_input(pump);
        } else {
            pump->has_more = fill_input(pump);
        }
    }
    /* A terminal has no end: its program is told by what is typed. */
    if (pump->in >= 0 && pump->input_ended && !input_waits(pump) && !pump->has_terminal)
        finish(pump, &pump->in, &pump->in_events);
}

/* --- from the program --- */

static void record(struct pump *pump, const char *data, size_t size)
{
    static const char full[] = "\n(the rest of this session is not recorded)\n";
    if (pump->log < 0)
        return;
    bool fits = pump->logged + size <= LOG_MAX;
    ssize_t n = fits ? write(pump->log, data, size) : write(pump->log, full, sizeof(full) - 1);
    if (!fits || n < 0)
        fd_clear(&pump->log); /* or its disk is full */
    pump->logged += size;
}

/* As much as the client takes at once: what it does not read waits in the pipe, not here. */
static size_t room(const struct pump *pump)
{
    if (pump_is_blocked(pump))
        return 0;
    size_t window = ssh_channel_window_size(pump->channel);
    return window < PUMP_SIZE ? window : PUMP_SIZE;
}

static size_t move_output(struct pump *pump, int *fd, short *looked_for, bool is_error)
{
    char data[PUMP_SIZE];
    size_t moved = 0, size;
    /* Not for ever: the other stream, input and a Ctrl-C have their turns. */
    for (int i = 0; i < BLOCKS_MAX && *fd >= 0 && (size = room(pump)) > 0; i++) {
        ssize_t n = read(*fd, data, size);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (n <= 0) { /* EIO: the terminal's other end is closed */
            finish(pump, fd, looked_for);
            break;
        }
        record(pump, data, (size_t)n);
        if (is_error)
            ssh_channel_write_stderr(pump->channel, data, (uint32_t)n);
        else
            ssh_channel_write(pump->channel, data, (uint32_t)n);
        moved += (size_t)n;
    }
    return moved;
}

/* After all that was moved: any call of libssh's may have sent what waited, or taken packets in. */
static void look_for_the_rest(struct pump *pump)
{
    const short output = room(pump) > 0 ? POLLIN : 0;
    if (pump->out >= 0)
        look_for(pump, pump->out, &pump->out_events, output);
    if (pump->err >= 0)
        look_for(pump, pump->err, &pump->err_events, output);
    if (pump->in >= 0)
        look_for(pump, pump->in, &pump->in_events, input_waits(pump) ? POLLOUT : 0);
}

size_t pump_move(struct pump *pump)
{
    size_t moved = move_output(pump, &pump->out, &pump->out_events, false);
    moved += move_output(pump, &pump->err, &pump->err_events, true);
    move_input(pump);
    look_for_the_rest(pump);
    return moved;
}

bool pump_is_blocked(const struct pump *pump)
{
    return ssh_get_status(pump->session) & SSH_WRITE_PENDING ||
           ssh_channel_window_size(pump->channel) == 0;
}

bool pump_output_has_ended(const struct pump *pump)
{
    return pump->out < 0 && pump->err < 0;
}
