/* How a run ended, as init tells the agent. */
#pragma once

#include "protocol/message.h"

/* One line: a name of at most NAME_SHOWN bytes and what is wrong with it. */
#define REASON_SIZE 320
#define NAME_SHOWN  200

struct ending {
    int retval, signal;
    enum termination termination;
    char reason[REASON_SIZE]; /* may be empty */
};

/* The command's own, from its wait status. */
void ending_of_status(int status, struct ending *ret_ending);

/* Without a command's end: "subject: what", or only what. Makes it one line. */
void ending_of_failure(int retval, enum termination termination, const char *subject,
                       const char *what, struct ending *ret_ending);
