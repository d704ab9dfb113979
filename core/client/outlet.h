/*
 * One stream of a command's output in message mode: blocks as they came, on their way to the
 * caller's descriptor. They may come before the descriptor does.
 *
 * What the descriptor does not take waits here. How many blocks that are is up to who sends them:
 * a count of those that are done with is kept for him.
 */
#pragma once

#include "base/list.h"
#include "protocol/message.h"
#include "stream.h"

#include <zmq.h>

struct outlet;
/* Some more is done with, or nobody reads it any more. */
typedef void outlet_fn(struct outlet *outlet);

struct outlet {
    struct stream stream;
    struct list blocks;
    size_t size;    /* bytes of memory that they take */
    unsigned done;  /* blocks since this was last looked at */
    bool is_closed; /* nobody reads it: what comes is dropped */
    bool is_opened; /* it had its descriptor */
    outlet_fn *fn;
};

void outlet_init(struct outlet *outlet, outlet_fn *fn);
/* Takes fd. fn may be called from here. */
void outlet_open(struct outlet *outlet, struct loop *loop, int fd);
/* Drops what waits. Harmless on a zeroed one. */
void outlet_deinit(struct outlet *outlet);

/* The frame that holds the block is moved out of. fn may be called from here. */
void outlet_push(struct outlet *outlet, zmq_msg_t *frame, const struct message_block *said);
/* All is written, or need not be. */
bool outlet_is_empty(const struct outlet *outlet);
