/*
 * The way to a container's init (fd mode): a listening Unix socket beside an empty
 * placeholder file, both named after the run; one connection; on it, from init, H, and to
 * init the descriptors, the command and then signals.
 *
 * Nothing of what it is told to send goes out before the caller says so (the command needs
 * the container's id, which comes by the other socket), and no signal before the whole
 * command. What init says after H is the reader's, if there is one, else read and dropped.
 */
#pragma once

#include "base/loop.h"
#include "protocol/handover.h"
#include "run_state.h"

/* Signals kept for an init that is not there yet or does not read. A grader sends one or two. */
#define SIGNALS_MAX 64

struct init_link;
/* EVENT_HELLO, EVENT_GARBAGE, EVENT_COMMAND_SENT, EVENT_INIT_GONE. The link may be closed, and
 * after the last two and EVENT_GARBAGE must be or it says so again. */
typedef void init_link_fn(struct init_link *link, enum run_event event);
/* Bytes of init's. False: the link may have been closed by that. */
typedef bool init_link_reader_fn(struct init_link *link, const char *data, size_t size);

struct init_link {
    struct loop *loop;
    init_link_fn *fn;
    init_link_reader_fn *reader; /* NULL: nobody's; set it when it is open */
    char *placeholder, *path;
    int listener, connection;
    struct watch watch; /* of the listener, then of the connection */
    int fds[HANDOVER_FDS];
    char *command; /* S and the command's map, while some of it is to be sent */
    size_t command_size, command_sent;
    char signals[SIGNALS_MAX * SIGNAL_SIZE];
    size_t signals_size;
    bool greeted, has_command;
};

/* The longest name within the sockets' directory: p, 16 digits, .sock. */
#define SOCKET_NAME_MAX (1 + 16 + 5)

/* Whether stdout and stderr are one: a pipe, or a file that was opened once. */
bool init_link_is_fused(const struct init_link *link);
/* Makes the placeholder in sockets_dir and, where it listens, the socket. For each -1 in fds,
 * /dev/null is opened. */
int init_link_open(struct init_link *link, struct loop *loop, const char *sockets_dir,
                   const int fds[HANDOVER_FDS], bool listens, init_link_fn *fn);
/* Takes those that are not -1, to be closed when they are sent; one may be there twice. */
void init_link_take_fds(struct init_link *link, const int fds[HANDOVER_FDS]);
/* Gives the descriptors away; no init is waited for any more. The placeholder stays. */
void init_link_give_fds(struct init_link *link, int ret_fds[HANDOVER_FDS]);
/* Closes and removes all of it. Harmless on a zeroed or closed link. */
void init_link_close(struct init_link *link);

/* The base name of the placeholder. */
const char *init_link_id(const struct init_link *link);

/* Sends the descriptors and the map of size bytes, which are copied. -ENOMEM. */
int init_link_send_command(struct init_link *link, const char *map, size_t size);
/* -EAGAIN: SIGNALS_MAX of them wait already. */
int init_link_signal(struct init_link *link, int signal);
bool init_link_has_signals(const struct init_link *link);
/* Takes the oldest of those that wait; 0: none does. */
int init_link_take_signal(struct init_link *link);
