/*
 * Message mode, spoken by init itself where there is no agent of ours beside it (see drop_in.h):
 * length-prefixed messages on what were its standard input and output.
 *
 *   in ── run_student_init, stdin, student_signal ──▶ messenger ── pipe ──▶ command
 *   out ◀──────────── stdout, stderr ─────────────── messenger ◀─ pipes ── command
 *
 * Signals come on the same stream as input. So that they never wait behind input that the command
 * does not take, this is read and kept, up to a bound; only past that the stream waits. Of output
 * one block is kept: what is not taken stays in the pipes.
 */
#pragma once

#include "bytes.h"
#include "protocol/handover.h"
#include "protocol/message.h"

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#define MESSENGER_FDS (2 + HANDOVER_FDS)

struct messenger {
    int in, out;             /* -1: there are none, or none any more */
    int pipes[HANDOVER_FDS]; /* our ends; -1: closed */
    char *command;           /* its message */
    struct bytes received;   /* messages that are not taken apart yet */
    struct bytes input;      /* for the command */
    bool input_ends;         /* after those */
    struct bytes sending;    /* a block, framed */
    struct text socket_id;   /* goes with each block */
    int turn;                /* the output that was sent last: they take turns */
};

/* Takes the descriptors. */
void messenger_open(struct messenger *messenger, int in, int out);
void messenger_close(struct messenger *messenger);
bool messenger_is_open(const struct messenger *messenger);

/*
 * Takes the command, before the deadline (monotonic_ns()), and makes its descriptors. Errors as of
 * connection_take_command(). The texts last as long as the messenger.
 */
int messenger_take_command(struct messenger *messenger, uint64_t deadline,
                           struct message_run_student_command *ret_command,
                           int ret_fds[HANDOVER_FDS]);

/* What to wait for, and what is to be done after it. -EPIPE: nobody takes the output any more. */
void messenger_watch(const struct messenger *messenger, struct pollfd ret_fds[MESSENGER_FDS]);
int messenger_work(struct messenger *messenger, const struct pollfd fds[MESSENGER_FDS]);
/* The next signal that came, 0 where there is none. */
int messenger_next_signal(struct messenger *messenger);

/* Sends what is left of the output, whose writers are gone. */
void messenger_drain(struct messenger *messenger);
