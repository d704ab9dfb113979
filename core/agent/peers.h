/*
 * The clients of the router, by their ZeroMQ identities.
 *
 * INGInious's own client has a REQ socket, which throws away what arrives while it has not
 * asked: a peer gets a message only in answer to a request of its (`run_student`, then one per
 * `dummy_message`), unless it said that it receives freely. What must wait, waits here.
 */
#pragma once

#include "base/list.h"
#include "base/zmq_watch.h"
#include "protocol/message.h"

#include <stdbool.h>

/* run_student_started and run_student_retval: a run has no others. */
#define PEER_OUTBOX_MAX 2
/* Peers whose run is over and who have not asked for its return value: most have died. */
#define PEERS_SILENT_MAX 1024
#define IDENTITY_MAX     255 /* ZeroMQ's */

struct peers {
    struct zmq_watch *socket;
    void *tree; /* of tsearch() */
    struct list silent;
    unsigned n_silent;
};

struct peer {
    struct peers *peers;
    struct list link; /* on the silent list, or on none */
    unsigned char identity_size;
    char identity[IDENTITY_MAX];
    bool receives_freely;
    bool asks;     /* a request of its is unanswered */
    bool finished; /* its run is over */
    struct {
        char *data;
        size_t size;
    } outbox[PEER_OUTBOX_MAX];
    unsigned n_outbox;
};

void peers_init(struct peers *peers, struct zmq_watch *socket);
void peers_deinit(struct peers *peers);

/* NULL: not known. */
struct peer *peers_find(struct peers *peers, const void *identity, size_t size);
/* Of a client that has just asked. NULL: out of memory. */
struct peer *peers_add(struct peers *peers, const void *identity, size_t size,
                       bool receives_freely);
/* It asks for the next message. May free it. */
void peer_asks(struct peer *peer);
void peer_send(struct peer *peer, const struct message *message);
/* The last message, after which the caller forgets the peer. */
void peer_finish(struct peer *peer, const struct message *message);
/* To one that is not known, who may sit in a REQ. */
void peers_answer_stranger(struct peers *peers, const void *identity, size_t size,
                           const struct message *message);
