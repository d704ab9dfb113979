/*
 * One stream of a command's output in message mode: from its pipe to its client, in blocks.
 *
 * What the client does not take stays in the pipe, and the student waits: nothing is read that
 * cannot be sent at once. A client that receives freely has a window of unacknowledged blocks;
 * any other gets one message per request of its.
 */
#pragma once

#include "base/loop.h"
#include "peers.h"

#include <stdbool.h>

/* Blocks on their way to a client that receives freely: enough to keep both ends busy. */
#define OUTFLOW_WINDOW 4

struct outflow;
typedef void outflow_fn(struct outflow *outflow);

struct outflow {
    struct loop *loop;
    struct peer *peer;
    struct text socket_id;
    enum message_type type;
    int fd; /* the pipe; -1 once the stream has ended */
    struct watch watch;
    unsigned unacknowledged;
    bool is_last;   /* what is left is all that follows, whoever has the pipe open */
    size_t left;    /* bytes */
    outflow_fn *fn; /* something was sent, or it ended */
};

/* Takes the pipe's end. The peer and the socket's name outlive it. */
void outflow_init(struct outflow *outflow, struct loop *loop, struct peer *peer,
                  struct text socket_id, enum message_type type, int fd, outflow_fn *fn);
void outflow_deinit(struct outflow *outflow);
/* After anything that may have opened or closed the way to the client. */
void outflow_go_on(struct outflow *outflow);
/* The client has consumed a block. */
void outflow_acknowledged(struct outflow *outflow);
/* Nobody reads the stream any more: the command gets SIGPIPE. */
void outflow_close(struct outflow *outflow);
/* What is in the pipe now is the last of it: the command gave the pipe away maybe, and is no more.
 */
void outflow_finish(struct outflow *outflow);
