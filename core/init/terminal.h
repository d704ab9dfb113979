/* What a session's program has for its standard streams: a terminal or three pipes. */
#pragma once

#include "child.h"
#include "protocol/session.h"

struct session_streams {
    int program[HANDOVER_FDS]; /* the program's ends; with a terminal one thrice */
    int server[SESSION_PIPES]; /* the terminal's master, or the pipes' other ends */
    unsigned n_server;
};

/* As the student, whose they are to be. */
int session_streams_open(struct session_streams *streams, const struct session_message *start);
void session_streams_close(struct session_streams *streams);
