/* A run's inside: the one struct behind run.c (its life), run_handover.c (how its sandbox gets it)
 * and run_client.c (what its client says). */
#pragma once

#include "relay.h"
#include "run.h"
#include "run_ssh.h"

struct run {
    struct list link; /* of the host's runs */
    struct run_host *host;
    struct peer *peer;
    struct pool_request request;
    struct sandbox *sandbox; /* from its grant to the report */
    enum life life;
    char *socket_id;
    int connection;     /* to the client, until init has it */
    struct relay relay; /* message mode */
    struct run_ssh ssh;
    unsigned n_sandboxes;
    char container_id[64];
    uint64_t started_ns;
    bool measured;
    struct timer clock;
    struct disk_use disk;
    struct observed seen;
    char refusal[REASON_MAX];
    bool is_unavailable; /* it is refused as 251 */
    struct verdict verdict;
};

/* May free the run: nothing touches it afterwards. */
void run_event(struct run *run, enum life_event event);
/* Sends the return value, the last of it. */
void run_tell_end(struct run *run);

/* Gives it to its sandbox. A negative errno, with the refusal in words; -EPIPE: that has died idle.
 */
int run_give(struct run *run);
/* All output is on its way: a relay_fn. */
void run_output_sent(struct relay *relay);

/* What the client does. */
extern const struct peer_ops run_peer_ops;
