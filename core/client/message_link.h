/*
 * A run's input and output in message mode.
 *
 *   caller's stdin ──▶ inlet ── stdin, on a socket of its own ──▶ router
 *   caller's stdout, stderr ◀── outlets ◀── stdout, stderr, on the run's socket ── router
 *
 * Our agent has at most a window of blocks of each stream on their way, and is told of each that is
 * written out; what the caller's descriptor does not take stays in the student's pipe. INGInious's
 * pushes: its router drops what is not fetched, so all is fetched, up to WAITING_MAX;
 * beyond that the run's socket is left alone until some is written.
 *
 * A link is ready before the caller's descriptors are given to it: output may overtake the answer
 * that says that the command was taken.
 */
#pragma once

#include "inlet.h"
#include "outlet.h"

/* Of a run's output in memory, where a peer does not hold back what it sends: bytes. */
#define WAITING_MAX (64u << 20)

struct message_link;
/* All output has been written, after message_link_finish(). The link may be closed. */
typedef void message_link_fn(struct message_link *link);

struct message_link {
    struct studentrun_engine *engine; /* NULL while there is none */
    struct zmq_watch *router;         /* the run's socket */
    const char *container_id;
    struct inlet input;
    struct outlet output[2]; /* stdout, stderr */
    bool acknowledges;       /* the agent knows what that is */
    bool is_finishing;
    message_link_fn *fn;
};

/* The socket and the container's id are borrowed. */
void message_link_init(struct message_link *link, struct studentrun_engine *engine,
                       struct zmq_watch *router, const char *container_id, bool acknowledges,
                       message_link_fn *fn);
/* Harmless on a zeroed or closed one. */
void message_link_close(struct message_link *link);
bool message_link_is_open(const struct message_link *link);

/* Puts the caller's descriptors to use; they are taken, on failure as well. */
int message_link_start(struct message_link *link, int fds[3]);
/* A stdout or stderr message, and the frame that it lies in. */
void message_link_take(struct message_link *link, const struct message *message, zmq_msg_t *frame);
/* All input that was read from the caller's descriptor is with the command, and more may come. */
bool message_link_input_is_idle(const struct message_link *link);
/* Output that has come waits for whoever reads it. */
bool message_link_output_waits(const struct message_link *link);
/* Nobody reads the input any more: who writes to the caller's descriptor gets SIGPIPE. */
void message_link_stop_input(struct message_link *link);
/* No more output comes. The run's socket is not used any more. fn is called, perhaps from here. */
void message_link_finish(struct message_link *link);
