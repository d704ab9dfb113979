/*
 * The relay of one run in message mode: its pipes, and the messages that they are fed from and
 * turned into.
 *
 *   client ── stdin ──▶ inflow ───────── pipe ─────────▶ command
 *   client ◀─ stdout, stderr ── outflow ◀─ pipe ── command
 *   client ── run_student_init, student_signal ──▶ socket pair ──▶ init
 *
 * Towards init the relay plays the client of fd mode: agent and sandbox always share a kernel. So
 * what holds a writer back is a pipe, and signals have a way of their own, which no input
 * blocks. Closing the socket pair is a client's death, as init sees it.
 *
 * The end of a run is told in two steps: relay_end() when the command has ended; then, when all
 * of its output is on its way, the callback, and not before.
 */
#pragma once

#include "inflow.h"
#include "outflow.h"
#include "protocol/handover.h"

#include <sys/types.h>

struct relay;
typedef void relay_fn(struct relay *relay);

struct relay {
    struct loop *loop; /* NULL while there is none */
    struct peer *peer;
    struct inflow input;
    struct outflow output[2]; /* stdout, stderr */
    int init;                 /* the socket to it */
    struct watch init_watch;
    int fds[HANDOVER_FDS]; /* the command's ends, until they are handed over */
    char *orders;          /* the map, then signals: what init has not taken yet */
    size_t n_orders;
    bool has_command, is_ending;
    struct deferred ended;
    relay_fn *fn;
};

/* *ret_connection is init's end, the caller's. The peer and the socket's name outlive it. */
int relay_init(struct relay *relay, struct loop *loop, struct peer *peer, const char *socket_id,
               relay_fn *fn, int *ret_connection);
/* Harmless on a zeroed one. */
void relay_deinit(struct relay *relay);
bool relay_is_open(const struct relay *relay);
/* The inode of the pipe that is the command's input; 0: none is. */
ino_t relay_input_inode(const struct relay *relay);

/* Hands the command over. -EALREADY: there was one. */
int relay_command(struct relay *relay, const struct message_run_student_command *command);
/* Passes a valid signal on; drops it where init takes none. */
void relay_signal(struct relay *relay, const struct message_student_signal *signal);
void relay_acknowledged(struct relay *relay, const struct message_dummy *dummy);
/* The peer may be sent something. */
void relay_go_on(struct relay *relay);
/* The client is gone: so is the run's, for init. */
void relay_disconnect(struct relay *relay);

/*
 * The command has ended, and what is in its pipes is all of its output. fn is called, from the
 * loop, when that was sent.
 */
void relay_end(struct relay *relay);
