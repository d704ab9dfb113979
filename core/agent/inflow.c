/* A command's standard input. */
#include "inflow.h"

#include "base/log.h"

#include "base/cleanup.h"

#include <errno.h>

#define KEYS_MAX 4096 /* of a stdin message: a hundred in fact */

static void answer(struct peers *peers, zmq_msg_t *identity, bool closed)
{
    const struct message dummy = {.type = MESSAGE_DUMMY, .dummy = {.closed = closed}};
    peers_answer_stranger(peers, zmq_msg_data(identity), zmq_msg_size(identity), &dummy);
}

void inflow_refuse(struct peers *peers, zmq_msg_t *identity)
{
    answer(peers, identity, true);
}

static void drop_first(struct inflow *inflow, bool closed)
{
    zmq_msg_t *identity = &inflow->blocks[inflow->first].identity;
    answer(inflow->peer->peers, identity, closed);
    zmq_msg_close(identity);
    zmq_msg_close(&inflow->blocks[inflow->first].content);
    inflow->first = (inflow->first + 1) % INFLOW_BLOCKS;
    inflow->n--;
}

static void close_pipe(struct inflow *inflow)
{
    watch_remove(&inflow->watch);
    fd_clear(&inflow->fd);
    inflow->refuses = true;
    while (inflow->n > 0)
        drop_first(inflow, true);
}

/* 0: all of the first block is in the pipe; -EAGAIN: not yet; else nobody reads it. */
static int write_first(struct inflow *inflow)
{
    size_t *offset = &inflow->blocks[inflow->first].offset;
    size_t *left = &inflow->blocks[inflow->first].left;
    const char *data = zmq_msg_data(&inflow->blocks[inflow->first].content);
    while (*left > 0) {
        ssize_t n = write(inflow->fd, data + *offset, *left);
        if (n < 0 && errno != EINTR)
            return -errno;
        *offset += n > 0 ? (size_t)n : 0;
        *left -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static void write_out(struct inflow *inflow)
{
    int r = 0;
    while (inflow->n > 0 && (r = write_first(inflow)) == 0) {
        bool eof = inflow->blocks[inflow->first].eof;
        drop_first(inflow, false);
        if (eof)
            r = -EPIPE;
        if (eof)
            break;
    }
    if (r < 0 && r != -EAGAIN)
        close_pipe(inflow);
    else
        watch_change(&inflow->watch, r == 0 ? 0 : EPOLLOUT);
}

static void tell_closed(const struct inflow *inflow)
{
    const struct message dummy = {.type = MESSAGE_DUMMY,
                                  .dummy = {.acknowledges = text_of("stdin"), .closed = true}};
    if (inflow->peer->receives_freely)
        peer_send(inflow->peer, &dummy);
}

/* With no events asked for, the kernel still tells that the last reader has gone. */
static void on_pipe(struct watch *watch, uint32_t events)
{
    struct inflow *inflow = container_of(watch, struct inflow, watch);
    if (inflow->n > 0) {
        write_out(inflow);
    } else if (events & EPOLLERR) {
        close_pipe(inflow);
        tell_closed(inflow);
    }
}

static void append(struct inflow *inflow, const struct received *received)
{
    const struct message_block *block = &received->message->block;
    unsigned at = (inflow->first + inflow->n++) % INFLOW_BLOCKS;
    const char *content = zmq_msg_data(received->content);
    inflow->blocks[at].left = block->message.size;
    inflow->blocks[at].offset =
        block->message.size > 0 ? (size_t)(block->message.data - content) : 0;
    inflow->blocks[at].eof = block->eof;
    zmq_msg_init(&inflow->blocks[at].identity);
    zmq_msg_init(&inflow->blocks[at].content);
    zmq_msg_move(&inflow->blocks[at].identity, received->identity);
    zmq_msg_move(&inflow->blocks[at].content, received->content);
}

void inflow_take(struct inflow *inflow, const struct received *received)
{
    /* All of the frame is kept, with whatever other keys it has. */
    bool is_too_long = received->message->block.message.size > BLOCK_MAX ||
                       zmq_msg_size(received->content) > BLOCK_MAX + KEYS_MAX;
    if (!inflow->refuses && (is_too_long || inflow->n == INFLOW_BLOCKS)) {
        log_warning("a client sent %s; its input ends there",
                    is_too_long ? "a block of input that is too long" : "input without waiting");
        inflow->refuses = true;
        if (inflow->n == 0)
            close_pipe(inflow);
        else
            inflow->blocks[(inflow->first + inflow->n - 1) % INFLOW_BLOCKS].eof = true;
    }
    if (inflow->refuses) {
        inflow_refuse(inflow->peer->peers, received->identity);
        return;
    }
    inflow->refuses = received->message->block.eof;
    append(inflow, received);
    write_out(inflow);
}

int inflow_init(struct inflow *inflow, struct loop *loop, struct peer *peer, int fd)
{
    *inflow = (struct inflow){.loop = loop, .peer = peer, .fd = fd};
    return watch_add(loop, &inflow->watch, fd, 0, on_pipe);
}

void inflow_deinit(struct inflow *inflow)
{
    close_pipe(inflow);
}
