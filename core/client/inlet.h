/*
 * The command's standard input in message mode: from the caller's descriptor, in blocks, each a
 * message on a socket of this run's that nothing else waits behind.
 *
 * A block is read when there are fewer than INLET_WINDOW unanswered: what holds the caller back is
 * the student's pipe, where the agent answers as that takes a block, as ours does.
 */
#pragma once

#include "base/zmq_watch.h"
#include "stream.h"

/* Enough to keep both ends busy. */
#define INLET_WINDOW 2

struct studentrun_engine;

struct inlet {
    struct studentrun_engine *engine; /* NULL while it is closed */
    const char *container_id;
    struct stream stream;
    struct zmq_watch router;
    unsigned unanswered;
};

/* Takes fd. On failure as well. */
int inlet_open(struct inlet *inlet, struct studentrun_engine *engine, const char *container_id,
               int fd);
/* Open, and nothing is unanswered. */
bool inlet_is_idle(const struct inlet *inlet);
/* Harmless on a zeroed or closed one. */
void inlet_close(struct inlet *inlet);
