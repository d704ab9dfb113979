/*
 * The clients of the router, by their ZeroMQ identities.
 *
 * INGInious's own client has a REQ socket, which throws away what arrives while it has not
 * asked: a peer gets a message only in answer to a request of its (`run_student`, then one per
 * `dummy_message`), unless it said that it receives freely. What must wait, waits here.
 *
 * A peer that has gone is told to its owner: by its connection's end (the router's monitor), or
 * because a message could not be sent. Each connection is known by its descriptor in ZeroMQ.
 */
#pragma once

#include "base/list.h"
#include "base/zmq_watch.h"
#include "protocol/message.h"

#include <stdbool.h>

/* run_student_started, the answer to run_student_init, ssh_student, and run_student_retval;
 * blocks of output are sent only when they can go at once. */
#define PEER_OUTBOX_MAX 4
/* Peers whose run is over and who are still connected: most close at once, some never ask. */
#define PEERS_SILENT_MAX 1024
#define IDENTITY_MAX     255 /* ZeroMQ's */

struct peers;
/* A client's connection is gone, and that name of files is nobody's any more. */
typedef void peers_left_fn(struct peers *peers, const char *files);

struct peers {
    struct zmq_watch *socket;
    peers_left_fn *left;
    void *tree;      /* of tsearch() */
    struct list all; /* of the same */
    struct list silent;
    unsigned n_silent;
    struct deferred tell_gone;
};

struct peer;
/* What the owner of a peer is told; each may be NULL. */
struct peer_ops {
    void (*asks)(struct peer *peer); /* it may be sent a message */
    void (*acknowledges)(struct peer *peer, const struct message_dummy *dummy);
    void (*gone)(struct peer *peer); /* once; the owner finishes it then or later */
};

struct peer {
    struct peers *peers;
    struct list all;
    struct list link; /* on the silent list, or on none */
    const struct peer_ops *ops;
    void *owner; /* NULL: nobody */
    char *files; /* the name of what it made in SOCKETS: its socket_id */
    unsigned char identity_size;
    char identity[IDENTITY_MAX];
    int connection; /* ZeroMQ's descriptor of it, only to be compared; -1: not known */
    bool receives_freely;
    unsigned asks; /* requests of its that are unanswered */
    bool finished; /* its run is over */
    bool is_gone, gone_is_told;
    struct {
        char *data;
        size_t size;
    } outbox[PEER_OUTBOX_MAX];
    unsigned n_outbox;
};

void peers_init(struct peers *peers, struct zmq_watch *socket, peers_left_fn *left);
/* Harmless on a zeroed one. */
void peers_deinit(struct peers *peers);
/* ZeroMQ has closed that connection. */
void peers_disconnected(struct peers *peers, int connection);

/* NULL: not known. */
struct peer *peers_find(struct peers *peers, const void *identity, size_t size);
/* Of a client that has just asked. NULL: out of memory. */
struct peer *peers_add(struct peers *peers, const void *identity, size_t size,
                       const struct message_run_student *asked);
/* Whether its run is over and it knows all of that. */
bool peer_is_done(const struct peer *peer);
void peer_forget(struct peer *peer);
/* It asks for the next message. May free it, where it is finished. */
void peer_asks(struct peer *peer);
/* Whether what peer_send() is given goes out at once. */
bool peer_may_send(const struct peer *peer);
void peer_send(struct peer *peer, const struct message *message);
/* The last message, after which the caller forgets the peer. */
void peer_finish(struct peer *peer, const struct message *message);
/* To one that is not known, who may sit in a REQ. */
void peers_answer_stranger(struct peers *peers, const void *identity, size_t size,
                           const struct message *message);
