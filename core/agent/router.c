/* The router. */
#include "router.h"

#include "base/log.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>

/* For what was sent to reach the kernel when the agent ends. */
#define LINGER_MS 200
/* Messages of one client that wait in ZeroMQ: it has no more than two unanswered. */
#define WAITING_MAX 64

static void refuse(struct router *router, zmq_msg_t *identity, const char *reason)
{
    struct message answer = {
        .type = MESSAGE_RUN_STUDENT_RETVAL,
        .run_student_retval = {.retval = RETVAL_FAILED,
                               .reason = text_of(reason),
                               .termination = text_of(termination_name(TERMINATION_FAILED))}};
    log_warning("%s", reason);
    peers_answer_stranger(&router->peers, zmq_msg_data(identity), zmq_msg_size(identity), &answer);
}

static struct peer *find_peer(struct router *router, const struct received *received)
{
    return peers_find(&router->peers, zmq_msg_data(received->identity),
                      zmq_msg_size(received->identity));
}

static void on_run_student(struct router *router, const struct received *received)
{
    const struct message_run_student *asked = &received->message->run_student;
    struct peer *peer = find_peer(router, received);
    if (peer && peer_is_done(peer)) {
        peer_forget(peer);
        peer = NULL;
    }
    if (peer) {
        log_warning("a client asked for a second run on one socket; ignored");
        return;
    }
    /* What is told of the descriptor from now on concerns this connection, no earlier one. */
    zmq_watch_drain(&router->monitor);
    peer = peers_add(&router->peers, zmq_msg_data(received->identity),
                     zmq_msg_size(received->identity), asked);
    if (peer) {
        peer->connection = zmq_msg_get(received->content, ZMQ_SRCFD);
        router->ops->run_student(router, peer, asked);
    } else {
        refuse(router, received->identity, "the agent is out of memory");
    }
}

static void on_dummy(struct router *router, const struct received *received)
{
    const struct message_dummy *dummy = &received->message->dummy;
    struct peer *peer = find_peer(router, received);
    if (peer && dummy->acknowledges.data && peer->ops && peer->ops->acknowledges)
        peer->ops->acknowledges(peer, dummy);
    else if (peer)
        peer_asks(peer);
}

/* It is a request: where the run is over, its answer is the return value that waits. */
static void on_run_student_init(struct router *router, const struct received *received)
{
    struct peer *peer = find_peer(router, received);
    if (!peer)
        refuse(router, received->identity, "run_student_init without a run_student before it");
    else if (peer->finished)
        peer_asks(peer);
    else
        router->ops->run_student_init(router, peer, &received->message->run_student_command);
}

static void on_stdin(struct router *router, const struct received *received)
{
    router->ops->stdin_block(router, received);
}

static void on_student_signal(struct router *router, const struct received *received)
{
    static const struct message dummy = {.type = MESSAGE_DUMMY};
    router->ops->student_signal(router, &received->message->student_signal);
    peers_answer_stranger(&router->peers, zmq_msg_data(received->identity),
                          zmq_msg_size(received->identity), &dummy);
}

static void on_ssh_student(struct router *router, const struct received *received)
{
    struct message answer = {.type = MESSAGE_OK};
    router->ops->ssh_student(router, &received->message->ssh_student, &answer.ok);
    peers_answer_stranger(&router->peers, zmq_msg_data(received->identity),
                          zmq_msg_size(received->identity), &answer);
}

static void (*const handlers[MESSAGE_TYPE_COUNT])(struct router *, const struct received *) = {
    [MESSAGE_RUN_STUDENT] = on_run_student,           [MESSAGE_DUMMY] = on_dummy,
    [MESSAGE_RUN_STUDENT_INIT] = on_run_student_init, [MESSAGE_STDIN] = on_stdin,
    [MESSAGE_STUDENT_SIGNAL] = on_student_signal,     [MESSAGE_SSH_STUDENT] = on_ssh_student,
};

/* [identity][empty][message] */
static void on_message(struct zmq_watch *watch, zmq_msg_t *frames, size_t n_frames)
{
    struct router *router = container_of(watch, struct router, socket);
    struct message message;
    if (n_frames != 3 || zmq_msg_size(&frames[1]) != 0) {
        log_warning("a message with wrong frames was ignored");
        return;
    }
    int r = message_decode(zmq_msg_data(&frames[2]), zmq_msg_size(&frames[2]), &message);
    const struct received received = {&frames[0], &frames[2], &message};
    if (r == 0 && handlers[message.type])
        handlers[message.type](router, &received);
    else if (r == 0 || r == -ENOMSG)
        refuse(router, &frames[0], "the agent was sent a message that it does not know");
    else
        refuse(router, &frames[0], "the agent was sent a message that is not complete");
}

/* An event of the connections: its number and, for this one, the descriptor. */
static void on_monitor(struct zmq_watch *watch, zmq_msg_t *frames, size_t n_frames)
{
    struct router *router = container_of(watch, struct router, monitor);
    struct {
        uint16_t event;
        int32_t value;
    } __attribute__((packed)) told;
    if (n_frames < 1 || zmq_msg_size(&frames[0]) != sizeof(told))
        return;
    memcpy(&told, zmq_msg_data(&frames[0]), sizeof(told));
    if (told.event == ZMQ_EVENT_DISCONNECTED)
        peers_disconnected(&router->peers, told.value);
}

/* Before the socket is bound, so that nothing is missed. */
static int watch_connections(struct router *router, struct loop *loop, void *socket)
{
    static const char endpoint[] = "inproc://connections";
    if (zmq_socket_monitor(socket, endpoint, ZMQ_EVENT_DISCONNECTED) < 0)
        return -errno;
    void *monitor = zmq_socket(router->context, ZMQ_PAIR);
    if (!monitor || zmq_connect(monitor, endpoint) < 0) {
        int error = -errno;
        if (monitor)
            zmq_close(monitor);
        return error;
    }
    return zmq_watch_open(&router->monitor, loop, monitor, on_monitor);
}

/* One router per directory: ZeroMQ would take the path away from the other one. */
static int lock_directory(struct router *router, const char *sockets_dir, struct stat *ret_owner)
{
    router->lock = open(sockets_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (router->lock < 0 || fstat(router->lock, ret_owner) < 0)
        return -errno;
    if (flock(router->lock, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? -EBUSY : -errno;
    return 0;
}

static int bind_socket(struct router *router, struct loop *loop, const char *sockets_dir)
{
    char endpoint[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 8];
    int yes = 1, linger = LINGER_MS, waiting = WAITING_MAX;
    const int64_t longest = MESSAGE_MAX;
    if (asprintf(&router->path, "%s/main.sock", sockets_dir) < 0) {
        router->path = NULL;
        return -ENOMEM;
    }
    if (snprintf(endpoint, sizeof(endpoint), "ipc://%s", router->path) >= (int)sizeof(endpoint) - 3)
        return -ENAMETOOLONG;
    router->context = zmq_ctx_new();
    void *socket = router->context ? zmq_socket(router->context, ZMQ_ROUTER) : NULL;
    if (!socket)
        return -errno;
    /* Peers that have gone are told of, instead of their messages vanishing unseen. */
    zmq_setsockopt(socket, ZMQ_ROUTER_MANDATORY, &yes, sizeof(yes));
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof(linger));
    zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &longest, sizeof(longest));
    zmq_setsockopt(socket, ZMQ_RCVHWM, &waiting, sizeof(waiting));
    int r = watch_connections(router, loop, socket);
    if (r == 0 && zmq_bind(socket, endpoint) < 0)
        r = -errno;
    if (r < 0) {
        zmq_close(socket);
        return r;
    }
    return zmq_watch_open(&router->socket, loop, socket, on_message);
}

static void on_left(struct peers *peers, const char *files)
{
    struct router *router = container_of(peers, struct router, peers);
    router->ops->client_left(router, files);
}

int router_init(struct router *router, struct loop *loop, const char *sockets_dir,
                const struct router_ops *ops)
{
    struct stat owner;
    *router = (struct router){.lock = -1, .ops = ops};
    peers_init(&router->peers, &router->socket, on_left);
    int r = lock_directory(router, sockets_dir, &owner);
    if (r == 0)
        r = bind_socket(router, loop, sockets_dir);
    /* It belongs to whom the directory belongs to: the grader's user. */
    if (r == 0 && geteuid() == 0 && lchown(router->path, owner.st_uid, owner.st_gid) < 0)
        r = -errno;
    if (r < 0)
        router_deinit(router);
    return r;
}

void router_deinit(struct router *router)
{
    /* Stopped and read to the end first: libzmq (4.3.4) loses the memory of events that are not. */
    if (router->monitor.socket) {
        zmq_socket_monitor(router->socket.socket, NULL, 0);
        zmq_watch_drain(&router->monitor);
    }
    peers_deinit(&router->peers);
    if (router->socket.socket && router->path)
        unlink(router->path);
    zmq_watch_close(&router->socket);
    zmq_watch_close(&router->monitor);
    if (router->context)
        zmq_ctx_term(router->context);
    router->context = NULL;
    free(router->path);
    router->path = NULL;
    fd_clear(&router->lock);
}
