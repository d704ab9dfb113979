/* The socket to the agent. */
#include "control.h"

#include "base/cleanup.h"
#include "base/fdpass.h"
#include "base/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#define CONTROL_FD 3

#define ASSIGN_MAX 1024 /* bytes; its values and their names take about 170 */

static _Noreturn void give_up(const char *what)
{
    dprintf(STDERR_FILENO, "student-init: %s\n", what);
    _exit(EXIT_FAILURE);
}

static int control = -1;

static int socket_option(int fd, int option)
{
    int value = -1;
    socklen_t size = sizeof(value);
    return getsockopt(fd, SOL_SOCKET, option, &value, &size) < 0 ? -1 : value;
}

/* Another descriptor 3, which somebody let us inherit, is of another kind. */
bool control_open(void)
{
    if (socket_option(CONTROL_FD, SO_DOMAIN) != AF_UNIX ||
        socket_option(CONTROL_FD, SO_TYPE) != SOCK_SEQPACKET ||
        fcntl(CONTROL_FD, F_SETFD, FD_CLOEXEC) < 0)
        return false;
    control = CONTROL_FD;
    return true;
}

int control_fd(void)
{
    return control;
}

/* One message, waited for, and the descriptor that may come with it, else -1. */
static void receive(char bytes[ASSIGN_MAX], struct message *ret_message, int *ret_fd)
{
    size_t n_fds = 0;
    struct pollfd readable = {.fd = control, .events = POLLIN};
    poll(&readable, 1, -1);
    ssize_t size = fdpass_receive(control, bytes, ASSIGN_MAX, ret_fd, 1, &n_fds, NULL);
    if (size == 0 || size == -ECONNRESET)
        _exit(EXIT_SUCCESS);
    if (size < 0 || message_decode(bytes, (size_t)size, ret_message) < 0)
        give_up("descriptor 3 is no agent's socket");
    if (n_fds == 0)
        *ret_fd = -1;
}

/* It has room: init says a handful of things in its life, each short. */
void control_send(const struct message *message)
{
    _cleanup_free_ char *bytes = NULL;
    size_t size;
    if (control < 0)
        return;
    if (message_encode(message, &bytes, &size) < 0)
        give_up("out of memory");
    if (fdpass_send(control, bytes, size, NULL, 0) < 0)
        _exit(EXIT_SUCCESS);
}

void control_send_ended(const struct ending *ending, bool teardown)
{
    const char *reason = *ending->reason ? ending->reason : NULL;
    struct message message = {
        .type = MESSAGE_INIT_ENDED,
        .init_ended = {.retval = ending->retval,
                       .signal = ending->signal,
                       .reason = text_of(reason),
                       .termination = text_of(termination_name(ending->termination)),
                       .teardown = teardown}};
    control_send(&message);
}

void control_receive_assign(struct message_init_assign *ret_assign, int *ret_connection)
{
    char bytes[ASSIGN_MAX];
    struct message message;
    receive(bytes, &message, ret_connection);
    if (message.type != MESSAGE_INIT_ASSIGN || *ret_connection < 0)
        give_up("descriptor 3 is no agent's socket");
    *ret_assign = message.init_assign;
}

/* An ssh server that had not started when the session was over already may be heard of first. */
void control_receive_teardown(void)
{
    struct message message = {.type = MESSAGE_INIT_SSH};
    while (control >= 0 && message.type == MESSAGE_INIT_SSH) {
        char bytes[ASSIGN_MAX];
        _cleanup_close_ int server = -1;
        receive(bytes, &message, &server);
    }
    if (control >= 0 && message.type != MESSAGE_INIT_TEARDOWN)
        give_up("descriptor 3 is no agent's socket");
}

int control_wait(int fd, uint64_t deadline)
{
    struct pollfd fds[] = {{.fd = control, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    for (;;) {
        uint64_t now = monotonic_ns();
        uint64_t left_ms = deadline > now ? (deadline - now + NS_PER_MS - 1) / NS_PER_MS : 0;
        int n = poll(fds, 2, left_ms < INT_MAX ? (int)left_ms : INT_MAX);
        if (fds[0].revents)
            _exit(EXIT_SUCCESS); /* the agent says nothing more: it is gone */
        if (n > 0)
            return 0;
        if (left_ms == 0)
            return -ETIME;
    }
}
