/*
 * The ssh session after the command (section 6 of the protocol), init's part: user and
 * password, who is in, and when it is over. The ssh itself is a server's outside of the
 * sandbox (core/ssh), which the agent starts and connects with us.
 */
#pragma once

#include "connection.h"
#include "ending.h"

struct ssh_plan {
    const struct message_init_assign *limits;
    const char *working_dir;
    struct connection *connection; /* to the client */
    int children;                  /* signalfd of SIGCHLD */
};

/*
 * All of it, until the last one leaves or nobody came in time. /task/student/scripts is closed
 * to the student meanwhile. All processes but init are killed at its end.
 */
void ssh_serve(const struct ssh_plan *plan, struct ending *ret_ending);
