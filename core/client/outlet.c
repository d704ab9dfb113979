/* One stream of a command's output. */
#include "outlet.h"

#include <errno.h>
#include <stdlib.h>

struct block {
    struct list link;
    zmq_msg_t frame;
    size_t offset, left; /* in the frame: where a short one is moved, its bytes move */
    bool eof;
};

/* A block's own, beside its bytes: a flood of small ones must count as well. */
#define BLOCK_COST (sizeof(struct block) + 64)

static void drop_first(struct outlet *outlet)
{
    struct block *block = container_of(outlet->blocks.next, struct block, link);
    outlet->size -= zmq_msg_size(&block->frame) + BLOCK_COST;
    list_remove(&block->link);
    zmq_msg_close(&block->frame);
    free(block);
}

static void drop_all(struct outlet *outlet)
{
    for (; !list_is_empty(&outlet->blocks); outlet->done++)
        drop_first(outlet);
}

static void close_stream(struct outlet *outlet)
{
    outlet->is_closed = true;
    stream_close(&outlet->stream);
    drop_all(outlet);
}

/* 0: all of it is written; -EAGAIN: not yet; else nobody reads it. */
static int write_block(struct outlet *outlet, struct block *block)
{
    const char *data = zmq_msg_data(&block->frame);
    while (block->left > 0) {
        ssize_t n = stream_write(&outlet->stream, data + block->offset, block->left);
        if (n <= 0)
            return n < 0 ? (int)n : -EAGAIN;
        block->offset += (size_t)n;
        block->left -= (size_t)n;
    }
    return block->eof ? -EPIPE : 0;
}

static void write_out(struct outlet *outlet)
{
    int r = 0;
    while (r == 0 && !list_is_empty(&outlet->blocks)) {
        r = write_block(outlet, container_of(outlet->blocks.next, struct block, link));
        if (r == -EAGAIN)
            break;
        drop_first(outlet);
        outlet->done++;
    }
    if (r == -EAGAIN)
        stream_wait(&outlet->stream);
    else if (r < 0)
        close_stream(outlet);
    else
        stream_wait_for_end(&outlet->stream);
    outlet->fn(outlet);
}

/* Told as a block is that nobody reads: there may be none to tell it by. */
static void lose_reader(struct outlet *outlet)
{
    close_stream(outlet);
    outlet->done++;
    outlet->fn(outlet);
}

/* An end that is none is not waited for again: it would be told for ever. */
static void on_stream(struct stream *stream)
{
    struct outlet *outlet = container_of(stream, struct outlet, stream);
    if (!list_is_empty(&outlet->blocks))
        write_out(outlet);
    else if (stream_is_broken(stream))
        lose_reader(outlet);
}

void outlet_init(struct outlet *outlet, outlet_fn *fn)
{
    *outlet = (struct outlet){.fn = fn};
    list_init(&outlet->blocks);
}

void outlet_open(struct outlet *outlet, struct loop *loop, int fd)
{
    outlet->is_opened = true;
    stream_open(&outlet->stream, loop, fd, true, on_stream);
    if (list_is_empty(&outlet->blocks) && stream_is_broken(&outlet->stream))
        lose_reader(outlet);
    else
        write_out(outlet);
}

void outlet_deinit(struct outlet *outlet)
{
    if (!outlet->fn)
        return;
    stream_close(&outlet->stream);
    drop_all(outlet);
    outlet->fn = NULL;
}

static struct block *keep(zmq_msg_t *frame, const struct message_block *said)
{
    struct block *block = malloc(sizeof(*block));
    if (!block)
        return NULL;
    const char *data = zmq_msg_data(frame);
    *block = (struct block){.offset = said->message.size ? (size_t)(said->message.data - data) : 0,
                            .left = said->message.size,
                            .eof = said->eof};
    zmq_msg_init(&block->frame);
    zmq_msg_move(&block->frame, frame);
    return block;
}

void outlet_push(struct outlet *outlet, zmq_msg_t *frame, const struct message_block *said)
{
    struct block *block = outlet->is_closed ? NULL : keep(frame, said);
    bool is_first = list_is_empty(&outlet->blocks);
    if (block) {
        outlet->size += zmq_msg_size(&block->frame) + BLOCK_COST;
        list_append(&outlet->blocks, &block->link);
    } else if (outlet->is_closed) {
        outlet->done++;
        outlet->fn(outlet);
    } else { /* out of memory: a hole is worse than an end */
        lose_reader(outlet);
    }
    if (block && is_first && outlet->is_opened)
        write_out(outlet);
}

bool outlet_is_empty(const struct outlet *outlet)
{
    return list_is_empty(&outlet->blocks);
}
