/*
 * The connection to the client (section 4 of the protocol, fd mode): the hand-over of three
 * descriptors and the command's map, then signals. The client may join or split all of it
 * as it likes, but for the descriptors, which come with the first byte.
 */
#pragma once

#include "protocol/handover.h"
#include "protocol/message.h"

#include <stdbool.h>
#include <stdint.h>

struct connection {
    int fd;
    int fds[HANDOVER_FDS]; /* the command's, -1 where there are none (any more) */
    char *data;            /* S, the map, signals */
    size_t size, capacity;
    size_t signals; /* where they begin */
    bool is_silent; /* `---` came: nothing more is read, and its end means nothing */
};

/*
 * Takes the descriptors and the command, whose texts last as long as the connection, before
 * the deadline (monotonic_ns()). -ETIME, -EPIPE (it closed), -EBADF (no three descriptors),
 * -EBADMSG (no command), -ENOMEM.
 */
int connection_take_command(struct connection *connection, uint64_t deadline,
                            struct message_run_student_command *ret_command);
/* What such an error is, for a person. */
const char *connection_error(int error);

void connection_close_fds(struct connection *connection);

/* Reads what is there without waiting: -EPIPE at the end. */
int connection_read(struct connection *connection);
/* The next signal that was read, 0 where there is none. */
int connection_next_signal(struct connection *connection);
