/*
 * The ssh server of one run (core/ssh), the agent's part: where it listens, the sandbox that it
 * runs in, and how it and the run's init get to each other.
 *
 *   STARTING ── pidfd ──▶ STARTED ── it is ready ──▶ READY
 *
 * It is outside of the student's sandbox, in one of its own with a user of its own, and gets
 * the listening socket and one end of a socket pair; init gets the other. From then on they
 * do without the agent, which only ends the server with the run.
 */
#pragma once

#include "base/list.h"
#include "base/loop.h"
#include "maker.h"
#include "spawner.h"

#include <stdbool.h>
#include <stdint.h>

/* The server's own user, group too: not 4242, whose processes a student may signal and trace. */
#define SSH_ID 4243

struct ssh_options {
    const char *address; /* numeric */
    const char *ports;   /* FIRST-LAST; NULL: any */
    const char *program; /* studentfs-ssh; NULL: found beside the agent */
    uint64_t wait;       /* seconds for somebody to come */
    uint64_t login;      /* seconds from the connection to the login: a person types a password */
};

struct ssh_host {
    struct loop *loop;
    const struct maker *maker;
    const struct ssh_options *options;
    struct spawner spawner;
    struct list starting; /* in the order in which the spawner answers */
    char program[4096];   /* empty: there is none */
    char name[256];       /* the host's, as clients are told it */
    uint16_t first, last; /* ports; 0: any */
};

struct ssh;
/* The server is ready: session is init's end of the pair, the callee's; or a negative errno. */
typedef void ssh_fn(struct ssh *ssh, int session);

/* Forks; call it before the agent has threads or much memory. */
int ssh_host_init(struct ssh_host *host);
/* -EINVAL: no such address or ports. Whatever is wrong was said. */
int ssh_host_start(struct ssh_host *host, struct loop *loop, const struct maker *maker,
                   const struct ssh_options *options);
void ssh_host_deinit(struct ssh_host *host);
bool ssh_host_is_available(const struct ssh_host *host);

/* Starts one. User and password are copied. */
int ssh_new(struct ssh_host *host, const char *user, const char *password, ssh_fn *fn, void *owner,
            struct ssh **ret_ssh);
/* Ends the server. Takes NULL. */
void ssh_free(struct ssh *ssh);

void *ssh_owner(const struct ssh *ssh);
const char *ssh_user(const struct ssh *ssh);
const char *ssh_password(const struct ssh *ssh);
uint16_t ssh_port(const struct ssh *ssh);
/* One line: what the server had to say. */
const char *ssh_last_words(struct ssh *ssh);
