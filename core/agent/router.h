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
/* A message that came, as its frames: whoever keeps one moves it out. */
struct received {
    zmq_msg_t *identity, *content;
    const struct message *message; /* in content */
};
/*
 * Each of them is answered by the callee. run_student: it calls peer_finish() in the end.
 * stdin and student_signal come from a client's other sockets, which are no peers.
 */
struct router_ops {
    void (*run_student)(struct router *router, struct peer *peer,
                        const struct message_run_student *asked);
    void (*run_student_init)(struct router *router, struct peer *peer,
                             const struct message_run_student_command *command);
    void (*stdin_block)(struct router *router, const struct received *received);
    void (*ssh_student)(struct router *router, const struct message_ssh_student *asked,
                        struct message_ok *ret_ok);
    void (*client_left)(struct router *router, const char *files);
    void (*student_signal)(struct router *router, const struct message_student_signal *signal);
};

struct router {
    void *context;
    struct zmq_watch socket, monitor;
    struct peers peers;
    char *path; /* of main.sock */
    int lock;   /* the directory: one router in it */
    const struct router_ops *ops;
};

/* -EBUSY: another router is there; -ENAMETOOLONG: a Unix socket's path cannot be that long. */
int router_init(struct router *router, struct loop *loop, const char *sockets_dir,
                const struct router_ops *ops);
void router_deinit(struct router *router);
