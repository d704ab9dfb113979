/*
 * A run's ssh session in the agent: gets it its server when init asks for one, tells the client
 * how to come in, and for how long nobody was there yet.
 */
#pragma once

#include "peers.h"
#include "sandbox.h"
#include "ssh.h"

struct run_ssh {
    struct ssh_host *host; /* NULL: the run is without */
    struct sandbox *sandbox;
    struct peer *peer; /* message mode: to be told; NULL: init tells the client */
    const char *container_id;
    struct ssh *server;
    uint64_t asked_ns, visited_ns; /* when init asked, and when the first one came; 0: not yet */
};

/* What init asks for: the server is started, and init is told. */
void run_ssh_begin(struct run_ssh *ssh, struct sandbox *sandbox, struct peer *peer,
                   const struct message_init_ssh *asked);
void run_ssh_visited(struct run_ssh *ssh);
/* Harmless on a zeroed one. */
void run_ssh_end(struct run_ssh *ssh);

bool run_ssh_is_waiting(const struct run_ssh *ssh);
/* How long it has been, or was, waited for somebody. */
uint64_t run_ssh_waited_ns(const struct run_ssh *ssh);

/* Where it is reached, for whoever knows the password: false for anybody else. */
bool run_ssh_tell(const struct run_ssh *ssh, const struct message_ssh_student *asked,
                  struct message_ok *ret_ok);
