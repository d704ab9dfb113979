/*
 * How to come into a run's ssh session. init says user and password after the hand-over (step 5
 * of the protocol's section 4), a length and a map; the router is told them, on a socket of
 * its own, and says where. A router that says nothing of a place, or nothing at all within
 * SSH_OK_MS, is not the end of it: user and password are known then.
 */
#pragma once

#include "base/zmq_watch.h"
#include "protocol/message.h"

/* A user's name and a password; INGInious's are 30 bytes together. */
#define SSH_LOGIN_MAX 4096
#define SSH_OK_MS     5000

struct studentrun_engine;
struct ssh_login;
/* Once, when all is known that will be. The login may be closed meanwhile. */
typedef void ssh_login_fn(struct ssh_login *login);

struct ssh_login {
    struct studentrun_engine *engine; /* NULL while it is closed */
    ssh_login_fn *fn;
    const char *container_id;
    char *bytes; /* of init's, until they are a whole message */
    size_t size;
    bool is_known, is_told;
    char *user, *password, *host;
    uint16_t port;
    struct zmq_watch router;
    struct timer bound;
};

int ssh_login_open(struct ssh_login *login, struct studentrun_engine *engine, ssh_login_fn *fn);
/* Harmless on a zeroed or closed one. */
void ssh_login_close(struct ssh_login *login);

/* What init says, however it is cut; container_id is borrowed. -EBADMSG: it is no login; -ENOMEM.
 */
int ssh_login_read(struct ssh_login *login, const char *container_id, const char *data,
                   size_t size);
/* The whole of it, as a router says it in message mode. May close it. */
void ssh_login_take(struct ssh_login *login, const struct message_ssh_student *said);
