/*
 * A run is given to its sandbox: init gets its limits, and the connection to the client by which
 * that hands the command over.
 */
#include "run_inside.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define OPEN_FILES 4096
#define FILE_SIZE  INT64_C(1073741824) /* bytes; one file, not all of them */

/* To SOCKETS/<id>.sock, by a path that is short enough wherever SOCKETS is. */
static int connect_to_client(const struct run *run)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s.sock",
                 run->host->sockets_fd, run->socket_id) >= (int)sizeof(address.sun_path))
        return -ENAMETOOLONG;
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    return fd_steal(&fd);
}

static int assign(struct run *run)
{
    const struct limits *limits = &run->seen.limits;
    const struct cgroup_tree *cgroups = run->host->pool->cgroups;
    struct message_init_assign order = {.open_files = OPEN_FILES,
                                        .file_size = FILE_SIZE,
                                        .handover_ms = (int64_t)run->host->handover_s * 1000,
                                        .run_as_root = run->request.kind.run_as_root};
    if (run->ssh.host)
        order.ssh_wait_ms = (int64_t)(run->ssh.host->options->wait * 1000);
    run->seen.cpu_by_rlimit = !cgroup_tree_has(cgroups, CONTROLLER_CPU);
    /* Per process, not per run: the best there is without cgroups. */
    if (run->seen.cpu_by_rlimit)
        order.cpu_seconds = (int64_t)((limits->cpu_ns + NS_PER_S - 1) / NS_PER_S);
    if (!cgroup_tree_has(cgroups, CONTROLLER_MEMORY))
        order.memory = (int64_t)limits->memory_bytes;
    /* Outside a user namespace it counts uid 4242's processes on the whole machine: better than
     * nothing where nothing else does. */
    if (maker_has_user_namespace(run->host->pool->maker, &run->request.kind) ||
        !cgroup_tree_has(cgroups, CONTROLLER_PIDS))
        order.processes = (int64_t)limits->processes;
    return sandbox_assign(run->sandbox, limits, &order, run->connection);
}

/* The empty file that the client made: it is one, and has not gone. */
static bool has_placeholder(const struct run *run)
{
    return faccessat(run->host->sockets_fd, run->socket_id, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* A client that listens wants its descriptors handed over; any other, messages. */
static int open_connection(struct run *run)
{
    int connection = connect_to_client(run);
    if (connection != -ENOENT || !has_placeholder(run))
        return connection;
    int r = relay_init(&run->relay, run->host->loop, run->peer, run->socket_id, run_output_sent,
                       &connection);
    return r < 0 ? r : connection;
}

/* The connection is made once: the client serves one. It is there for a second sandbox as well. */
int run_give(struct run *run)
{
    if (run->connection < 0)
        run->connection = open_connection(run);
    if (run->connection < 0) {
        snprintf(run->refusal, REASON_MAX, "cannot reach the client at %.64s.sock: %s",
                 run->socket_id, strerror(-run->connection));
        return run->connection;
    }
    int r = assign(run);
    if (r < 0)
        snprintf(run->refusal, REASON_MAX, "the sandbox cannot be given the run: %s", strerror(-r));
    return r;
}
