/*
 * A command's standard input in message mode: blocks that came, on their way into its pipe.
 *
 * A block is answered when the pipe has taken all of it: this is what holds a client back. Clients
 * have at most two unanswered; of one that sends on regardless, the input ends with those that
 * are kept. `closed` in an answer says that nothing more is taken. So does, unasked, a dummy that
 * acknowledges `stdin`, to a client that receives freely: the command has closed its input.
 */
#pragma once

#include "base/loop.h"
#include "router.h"

#include <stdbool.h>

#define INFLOW_BLOCKS 4 /* twice what clients send unasked */

struct inflow {
    struct loop *loop;
    struct peer *peer;
    int fd; /* the pipe; -1 once it is closed */
    struct watch watch;
    struct {
        zmq_msg_t identity, content;
        size_t offset, left; /* in content: where a short message is moved, its bytes move */
        bool eof;
    } blocks[INFLOW_BLOCKS]; /* a ring */
    unsigned first, n;
    bool refuses; /* no further block is taken */
};

/* Takes the pipe's end. */
int inflow_init(struct inflow *inflow, struct loop *loop, struct peer *peer, int fd);
/* Answers what waits, as closed. */
void inflow_deinit(struct inflow *inflow);
/* A stdin message; its frames are moved out where it is kept. */
void inflow_take(struct inflow *inflow, const struct received *received);
/* Answers one that is nobody's. */
void inflow_refuse(struct peers *peers, zmq_msg_t *identity);
