/*
 * The hand-over as init takes it: descriptors, the map with no length before it, signals, from a
 * client that sends any bytes in two pieces. It takes a command or says what is wrong, keeps
 * no descriptor of a command that it refused, and gives no signal that is none.
 */
#include "base/cleanup.h"
#include "base/fdpass.h"
#include "connection.h"
#include "fuzz.h"

#include <errno.h>
#include <sys/socket.h>

#define STREAM_MAX 65536 /* what a socket takes with no reader */

static void send_all(int client, const uint8_t *data, size_t size, size_t first)
{
    static const int fds[HANDOVER_FDS + 1] = {0, 1, 2, 0};
    size_t n_fds = first % 16 == 0 ? first / 16 % 4 + 1 : HANDOVER_FDS;
    if (first > 0)
        fdpass_send(client, data, first, fds, n_fds);
    if (size > first)
        fdpass_send(client, data + first, size - first, NULL, 0);
    shutdown(client, SHUT_WR);
}

static void take_signals(struct connection *connection)
{
    for (int r = 0; r == 0 && !connection->is_silent;) {
        for (int signal; (signal = connection_next_signal(connection)) > 0;)
            CHECK(signal >= 1 && signal <= SIGNAL_MAX);
        r = connection_read(connection);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int sockets[2];
    struct message_run_student_command command;
    if (size < 2 || size > STREAM_MAX)
        return 0;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0);
    size_t first = data[0] | (size_t)data[1] << 8;
    send_all(sockets[0], data + 2, size - 2, first < size - 2 ? first : size - 2);
    struct connection connection = {.fd = sockets[1], .fds = {-1, -1, -1}};
    int r = connection_take_command(&connection, UINT64_MAX, &command);
    if (r == 0) {
        CHECK(connection.fds[0] >= 0 && connection.fds[1] >= 0 && connection.fds[2] >= 0);
        CHECK(command.working_dir.data && command.user.data);
        take_signals(&connection);
    } else {
        CHECK(r == -EPIPE || r == -EBADF || r == -EBADMSG || r == -ENOMEM);
        CHECK(connection_error(r) != NULL);
    }
    connection_close_fds(&connection);
    free(connection.data);
    close(sockets[0]);
    close(sockets[1]);
    return 0;
}
