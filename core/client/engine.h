/* The engine's inside, as its runs see it. */
#pragma once

#include "base/zmq_watch.h"
#include "protocol/message.h"
#include "studentrun.h"

struct studentrun_engine {
    struct loop loop;
    void *context;
    void *liveness; /* sends nothing; its connection stands for the router */
    struct zmq_watch monitor;
    struct zmq_watch signals; /* of all runs in message mode; opened by the first */
    unsigned n_unread;        /* of them, that the router has not answered */
    char *sockets_dir, *endpoint;
    const char *router; /* the endpoint as a path */
    struct studentrun_options options;
    struct list runs;
    void *spare;        /* a socket that is connected already, or NULL */
    char *block;        /* of input, on its way; see engine_block() */
    bool was_connected; /* ever */
};

/* A socket connected to the router. */
int engine_socket(struct studentrun_engine *engine, void **ret_socket);
/* Connects one ahead, after a run: the next need not wait for ZeroMQ's handshake (0.15 ms, 6 % of a
 * run of `true`). */
void engine_make_spare(struct studentrun_engine *engine);
/* Sends a message of the protocol by one. -EAGAIN: it has a thousand that no router took; -ENOMEM.
 */
int engine_send(struct zmq_watch *socket, const struct message *message);
/* To a command in message mode. As engine_send(). */
int engine_signal(struct studentrun_engine *engine, const char *container_id, int signal);
/* Makes sure that there is room for BLOCK_MAX bytes at block. -ENOMEM. */
int engine_block(struct studentrun_engine *engine);

/* The router is there for the first time: what was asked of it is on its way now. */
void run_router_found(struct studentrun *run);
/* The router that this run was asked of is gone: the run ends with this reason after grace_ms,
 * unless its return value comes by then. */
void run_router_lost(struct studentrun *run, uint32_t grace_ms, const char *reason);
struct studentrun *run_of_link(struct list *link);
