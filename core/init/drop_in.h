/*
 * student-init without an agent of ours: in the place of INGInious's own init, as process 1 of a
 * student container of its agent (section 4 of the protocol).
 *
 * Where the agent has put a client's socket at /__parent.sock: fd mode, over that. Else message
 * mode, on what is standard input and output. The limits are the container's; the return value is
 * init's exit code; what went wrong is told on its standard error, the container's log.
 */
#pragma once

#include "connection.h"
#include "messenger.h"

/* Makes one of them ready. Returns 0, or a negative errno that has been told. */
int drop_in_open(struct connection *connection, struct messenger *messenger,
                 struct message_init_assign *ret_limits);

/*
 * The task's files for the container's /etc: /task/systemfiles/hosts is appended to /etc/hosts,
 * resolv.conf replaces /etc/resolv.conf. Where there are none nothing happens; else a negative
 * errno, which has been told.
 */
int drop_in_system_files(void);
