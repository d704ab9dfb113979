/*
 * The door of one run's ssh server: it listens, lets a process of its own (visitor.h) speak
 * with each connection, and alone knows the password. Who is in is init's to count: a visitor
 * gets a socket to init here, and leaves by closing it.
 */
#pragma once

#include "base/list.h"
#include "base/loop.h"
#include "protocol/session.h"
#include "visitor.h"

#include <stdbool.h>

/* Connections that have not logged in yet; more wait in the kernel. */
#define STRANGERS_MAX 8
/* Wrong passwords in all, past which nobody comes in any more: no guessing all through a session.
 */
#define WRONG_MAX 60

/* What the agent says of it. */
struct setup {
    struct login right;
    unsigned login_s; /* for a connection to log in */
    int session;      /* the run's socket to init */
    int listener;
};

struct door {
    struct loop *loop;
    struct login right;
    ssh_key key;
    unsigned login_s;
    int session, listener;
    struct watch session_watch, listener_watch, children_watch;
    struct list connections;
    unsigned n_strangers, n_visitors, n_wrong;
};

/* Borrows the key; takes the two sockets. The loop is stopped when the run has ended. */
int door_open(struct door *door, struct loop *loop, const struct setup *setup, ssh_key key);
