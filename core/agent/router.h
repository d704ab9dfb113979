/*
 * The router: ROUTER socket on SOCKETS/main.sock, where clients ask for runs.
 *
 * It takes any bytes from anybody: what is no message of the protocol is logged, and answered
 * where a REQ socket may be waiting for an answer.
 */
#pragma once

#include "base/zmq_watch.h"
#include "peers.h"

struct router;
/* A client asks for a run: the callee calls peer_finish() in the end. */
typedef void router_fn(struct router *router, struct peer *peer,
                       const struct message_run_student *asked);

struct router {
    void *context;
    struct zmq_watch socket;
    struct peers peers;
    char *path; /* of main.sock */
    int lock;   /* the directory: one router in it */
    router_fn *fn;
};

/* -EBUSY: another router is there; -ENAMETOOLONG: a Unix socket's path cannot be that long. */
int router_init(struct router *router, struct loop *loop, const char *sockets_dir, router_fn *fn);
void router_deinit(struct router *router);
