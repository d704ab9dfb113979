/* The clients of the router. */
#include "peers.h"

#include <errno.h>
#include <limits.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    const struct peer *left = a, *right = b;
    if (left->identity_size != right->identity_size)
        return left->identity_size < right->identity_size ? -1 : 1;
    return memcmp(left->identity, right->identity, left->identity_size);
}

/* Takes data. A peer that has gone, or does not read a thousand messages, misses this one. */
static int send_bytes(struct peers *peers, const void *identity, size_t identity_size, char *data,
                      size_t size)
{
    const struct zmq_part parts[] = {{identity, identity_size}, {"", 0}};
    return zmq_watch_send_take(peers->socket, parts, 2, data, size);
}

static void peer_free(void *pointer)
{
    struct peer *peer = pointer;
    for (unsigned i = 0; i < peer->n_outbox; i++)
        free(peer->outbox[i].data);
    free(peer->files);
    free(peer);
}

void peer_forget(struct peer *peer)
{
    if (!list_is_empty(&peer->link))
        peer->peers->n_silent--;
    list_remove(&peer->link);
    list_remove(&peer->all);
    tdelete(peer, &peer->peers->tree, compare);
    peer_free(peer);
}

/* Told later: whoever sent it something is not done with it. */
static void lose(struct peer *peer)
{
    peer->is_gone = true;
    deferred_schedule(peer->peers->socket->loop, &peer->peers->tell_gone);
}

static struct peer *find_untold(const struct peers *peers)
{
    list_for_each (item, &peers->all) {
        struct peer *peer = container_of(item, struct peer, all);
        if (peer->is_gone && !peer->gone_is_told)
            return peer;
    }
    return NULL;
}

static void on_tell_gone(struct deferred *deferred)
{
    struct peers *peers = container_of(deferred, struct peers, tell_gone);
    /* From the start again, since owners may finish one, which may push out another. */
    for (struct peer *peer; (peer = find_untold(peers));) {
        peer->gone_is_told = true;
        peers->left(peers, peer->files);
        if (peer->finished)
            peer_forget(peer);
        else if (peer->ops && peer->ops->gone)
            peer->ops->gone(peer);
    }
}

void peers_disconnected(struct peers *peers, int connection)
{
    list_for_each (item, &peers->all) {
        struct peer *peer = container_of(item, struct peer, all);
        if (peer->connection == connection)
            lose(peer);
    }
}

/* Sends what may be sent. May free it. */
static void flush(struct peer *peer)
{
    while (peer->n_outbox > 0 && (peer->asks > 0 || peer->receives_freely)) {
        if (send_bytes(peer->peers, peer->identity, peer->identity_size, peer->outbox[0].data,
                       peer->outbox[0].size) == -EHOSTUNREACH)
            lose(peer);
        peer->n_outbox--;
        memmove(peer->outbox, peer->outbox + 1, peer->n_outbox * sizeof(peer->outbox[0]));
        if (peer->asks > 0)
            peer->asks--;
    }
    if (peer->finished && peer->gone_is_told)
        peer_forget(peer);
}

void peers_init(struct peers *peers, struct zmq_watch *socket, peers_left_fn *left)
{
    *peers = (struct peers){.socket = socket, .left = left};
    list_init(&peers->all);
    list_init(&peers->silent);
    deferred_init(&peers->tell_gone, on_tell_gone);
}

void peers_deinit(struct peers *peers)
{
    if (!peers->socket)
        return;
    deferred_cancel(&peers->tell_gone);
    tdestroy(peers->tree, peer_free);
    peers->tree = NULL;
}

struct peer *peers_find(struct peers *peers, const void *identity, size_t size)
{
    struct peer key = {.identity_size = (unsigned char)size};
    if (size > IDENTITY_MAX)
        return NULL;
    memcpy(key.identity, identity, size);
    struct peer **found = tfind(&key, &peers->tree, compare);
    return found ? *found : NULL;
}

struct peer *peers_add(struct peers *peers, const void *identity, size_t size,
                       const struct message_run_student *asked)
{
    struct peer *peer = size <= IDENTITY_MAX ? malloc(sizeof(*peer)) : NULL;
    if (!peer)
        return NULL;
    *peer = (struct peer){.peers = peers,
                          .identity_size = (unsigned char)size,
                          .connection = -1,
                          .files = strndup(asked->socket_id.data, asked->socket_id.size),
                          .receives_freely = asked->receives_freely,
                          .asks = 1};
    memcpy(peer->identity, identity, size);
    list_init(&peer->link);
    list_init(&peer->all);
    if (!peer->files || !tsearch(peer, &peers->tree, compare)) {
        peer_free(peer);
        return NULL;
    }
    list_append(&peers->all, &peer->all);
    return peer;
}

void peer_asks(struct peer *peer)
{
    if (peer->asks < UINT_MAX)
        peer->asks++;
    bool is_over = peer->finished;
    flush(peer);
    if (!is_over && peer->ops && peer->ops->asks && peer_may_send(peer))
        peer->ops->asks(peer);
}

bool peer_is_done(const struct peer *peer)
{
    return peer->finished && peer->n_outbox == 0;
}

bool peer_may_send(const struct peer *peer)
{
    return !peer->is_gone && peer->n_outbox == 0 && (peer->asks > 0 || peer->receives_freely);
}

void peer_send(struct peer *peer, const struct message *message)
{
    char *data;
    size_t size;
    if (peer->n_outbox == PEER_OUTBOX_MAX || message_encode(message, &data, &size) < 0)
        return;
    peer->outbox[peer->n_outbox].data = data;
    peer->outbox[peer->n_outbox].size = size;
    peer->n_outbox++;
    flush(peer);
}

void peer_finish(struct peer *peer, const struct message *message)
{
    struct peers *peers = peer->peers;
    peer->finished = true;
    peer->ops = NULL;
    peer->owner = NULL;
    list_append(&peers->silent, &peer->link);
    peers->n_silent++;
    peer_send(peer, message);
    if (peers->n_silent > PEERS_SILENT_MAX)
        peer_forget(container_of(peers->silent.next, struct peer, link));
}

void peers_answer_stranger(struct peers *peers, const void *identity, size_t size,
                           const struct message *message)
{
    char *data;
    size_t data_size;
    if (message_encode(message, &data, &data_size) == 0)
        send_bytes(peers, identity, size, data, data_size);
}
