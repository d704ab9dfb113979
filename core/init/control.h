/*
 * The socket to the agent. Its end is the agent's: init then exits wherever it is, and the
 * kernel kills the rest of the sandbox.
 */
#pragma once

#include "ending.h"
#include "protocol/message.h"

#include <stdbool.h>
#include <stdint.h>

/* Whether descriptor 3 is that socket; without it the functions below know no agent. */
bool control_open(void);
/* To be watched; -1: there is none. */
int control_fd(void);

void control_send(const struct message *message);
void control_send_ended(const struct ending *ending, bool teardown);

/* Waits for an assignment: the limits and the connection to the client. */
void control_receive_assign(struct message_init_assign *ret_assign, int *ret_connection);

/* Waits until the agent is ready for the teardown script: the command's measure is taken. */
void control_receive_teardown(void);

/* Waits for fd to be readable, at most until the deadline (monotonic_ns()): 0 or -ETIME. */
int control_wait(int fd, uint64_t deadline);
