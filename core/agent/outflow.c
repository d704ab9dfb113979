/* One stream of output. */
#include "outflow.h"

#include "base/cleanup.h"

#include <errno.h>
#include <sys/ioctl.h>

static bool may_send(const struct outflow *outflow)
{
    return outflow->fd >= 0 && peer_may_send(outflow->peer) &&
           (!outflow->peer->receives_freely || outflow->unacknowledged < OUTFLOW_WINDOW);
}

static void send_block(struct outflow *outflow, const char *data, size_t size, bool eof)
{
    const struct message message = {
        .type = outflow->type,
        .block = {.socket_id = outflow->socket_id, .message = {data, size}, .eof = eof}};
    outflow->unacknowledged++;
    peer_send(outflow->peer, &message);
}

void outflow_close(struct outflow *outflow)
{
    watch_remove(&outflow->watch);
    fd_clear(&outflow->fd);
}

/* INGInious's client would write the end out as an empty block, and answer it for nothing. */
static void end(struct outflow *outflow)
{
    outflow_close(outflow);
    if (outflow->peer->receives_freely)
        send_block(outflow, "", 0, true);
}

/* Sends what one read gives. Returns whether it did anything. */
static bool step(struct outflow *outflow)
{
    static char block[BLOCK_MAX]; /* one at a time: it is sent before the next is read */
    bool is_bound = outflow->is_last && outflow->left < sizeof(block);
    ssize_t n = read(outflow->fd, block, is_bound ? outflow->left : sizeof(block));
    if (n > 0) {
        outflow->left -= outflow->is_last ? (size_t)n : 0;
        send_block(outflow, block, (size_t)n, false);
    } else if (n == 0 || outflow->is_last || (errno != EAGAIN && errno != EINTR)) {
        end(outflow);
    } else {
        return false;
    }
    return true;
}

static void on_readable(struct watch *watch, uint32_t events)
{
    (void)events;
    struct outflow *outflow = container_of(watch, struct outflow, watch);
    if (may_send(outflow) && step(outflow))
        outflow->fn(outflow);
}

/*
 * Watched only while a block may be sent: the end of a pipe is told again and again, whatever
 * else is asked for.
 */
void outflow_go_on(struct outflow *outflow)
{
    while (outflow->is_last && may_send(outflow))
        step(outflow);
    bool is_wanted = may_send(outflow), is_watched = outflow->watch.loop != NULL;
    if (is_wanted && !is_watched)
        watch_add(outflow->loop, &outflow->watch, outflow->fd, EPOLLIN, on_readable);
    else if (!is_wanted && is_watched)
        watch_remove(&outflow->watch);
}

void outflow_acknowledged(struct outflow *outflow)
{
    if (outflow->unacknowledged > 0)
        outflow->unacknowledged--;
}

void outflow_finish(struct outflow *outflow)
{
    int left = 0;
    if (outflow->fd >= 0)
        ioctl(outflow->fd, FIONREAD, &left); /* of a pipe it does not fail */
    outflow->is_last = true;
    outflow->left = left > 0 ? (size_t)left : 0;
}

void outflow_init(struct outflow *outflow, struct loop *loop, struct peer *peer,
                  struct text socket_id, enum message_type type, int fd, outflow_fn *fn)
{
    *outflow = (struct outflow){
        .loop = loop, .peer = peer, .socket_id = socket_id, .type = type, .fd = fd, .fn = fn};
}

void outflow_deinit(struct outflow *outflow)
{
    outflow_close(outflow);
}
