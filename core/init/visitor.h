/* Somebody who is in by ssh: a socket to the server, one program, and the log's lines of both. */
#pragma once

#include "child.h"

struct visitor {
    int fd; /* -1: nobody */
    int log;
    pid_t pid; /* of the program while it runs, else 0 */
    bool has_started;
};

/* What all of them share. */
struct visitor_plan {
    const struct message_init_assign *limits;
    const char *working_dir;
};

/* The socket is taken. */
void visitor_enter(struct visitor *visitor, int fd);
/* Reads what the server says: 0, or -EPIPE: the visitor has left. */
int visitor_read(struct visitor *visitor, const struct visitor_plan *plan);
/* The program has ended. */
void visitor_program_ended(struct visitor *visitor, int status);
/* Hangs up: as with any terminal, what ignores that runs on, until the run ends. */
void visitor_leave(struct visitor *visitor);
