/*
 * The bytes of one session: between its channel and the program's terminal or pipes, in both
 * directions, with at most one buffer under way in each; and a copy of the output for the log.
 */
#pragma once

#include <libssh/libssh.h>
#include <stdbool.h>
#include <stdint.h>

#define PUMP_SIZE 32768                /* of a block; an ssh packet's usual maximum */
#define LOG_MAX   (UINT64_C(16) << 20) /* bytes of a session that are recorded */

struct pump {
    ssh_event event;
    ssh_session session;
    ssh_channel channel;
    bool has_terminal;
    int in, out, err, log; /* with a terminal in and out are the same; -1: none, or ended */
    bool has_more;         /* input that has come already: the next move must not be waited for */
    bool input_ended;      /* of the channel's */
    char input[PUMP_SIZE];
    size_t input_at, input_size;
    uint64_t logged;
    short in_events, out_events, err_events; /* what the event looks for */
};

void pump_init(struct pump *pump, ssh_event event, ssh_session session, ssh_channel channel);
/* The descriptors, as protocol/session.h has them; taken. */
void pump_start(struct pump *pump, bool has_terminal, const int *fds, bool has_log);
/* Moves what can be moved now, and has the event look for the rest. Returns the output's bytes. */
size_t pump_move(struct pump *pump);
/* What is in the way of the client's reading more: whether output waits. */
bool pump_is_blocked(const struct pump *pump);
bool pump_output_has_ended(const struct pump *pump);
