/*
 * student-init's peers, for its tests: its agent, its client, and bwrap around the real
 * program. Nothing here waits without a bound: an alarm ends a program that hangs.
 */
#pragma once

#include "protocol/message.h"

#include <stdbool.h>
#include <sys/types.h>

#define HANG_SECONDS 60

/* One sandbox with one init, and what the test holds of it. -1 where it is closed. */
struct box {
    char task[64];  /* the student's directory, /task/student inside */
    pid_t maker;    /* bwrap */
    int control;    /* the agent's end */
    int connection; /* the client's end */
    int in, out;    /* the command's standard input and output */
    int err;        /* its standard error */
    int log;        /* init's own */
};

/* Starts it and waits until it is ready. */
void box_open(struct box *box);
/* Ends it, whatever it does, and removes its directory. Returns init's exit code. */
int box_close(struct box *box);

/* What the agent says when it has measured the command. */
void box_let_teardown(struct box *box);
/* Assigns it a connection, with these limits; expects its `H`. */
void box_assign(struct box *box, const struct message_init_assign *limits);
/* `S` with n_fds descriptors, and size bytes behind it in the same message. */
void box_send_fds(struct box *box, size_t n_fds, const void *data, size_t size);
void box_send(struct box *box, const void *data, size_t size);
/* The map of a command; free() it. */
char *command_map(const struct message_run_student_command *command, size_t *ret_size);
/* With no arguments but these: `worker`, in /task. */
struct message_run_student_command command_of(const char *command);
/* All of it: assign, and hand the command over. */
void box_start(struct box *box, const struct message_run_student_command *command);
/* ... of that command, which runs. */
void box_run(struct box *box, const char *command);
/* ... from its start to its end, with that output. */
void expect_run(const char *command, int retval, const char *output);

/* Expects a message of that type from init. */
struct message box_receive(struct box *box, enum message_type type, char bytes[4096]);
void box_expect_running(struct box *box);
/* ... the end with that return value; reason: part of the one that is told, NULL: none is. */
void box_expect_end(struct box *box, int retval, enum termination termination, const char *reason);

/* Reads until the end, or size - 1 bytes; terminates them. */
void read_text(int fd, char *ret_text, size_t size);
/* Expects the end, with nothing before it. */
void expect_end_of(int fd);
/* Expects that text next. */
void expect_line(int fd, const char *line);
