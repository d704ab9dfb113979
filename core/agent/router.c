/* The router. */
#include "router.h"

#include "base/cleanup.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>

/* For what was sent to reach the kernel when the agent ends. */
#define LINGER_MS 200

static void refuse(struct router *router, zmq_msg_t *identity, const char *reason)
{
    struct message answer = {
        .type = MESSAGE_RUN_STUDENT_RETVAL,
        .run_student_retval = {.retval = RETVAL_FAILED,
                               .reason = text_of(reason),
                               .termination = text_of(termination_name(TERMINATION_FAILED))}};
    log_line("%s", reason);
    peers_answer_stranger(&router->peers, zmq_msg_data(identity), zmq_msg_size(identity), &answer);
}

static void on_run_student(struct router *router, zmq_msg_t *identity,
                           const struct message_run_student *asked)
{
    const void *name = zmq_msg_data(identity);
    size_t size = zmq_msg_size(identity);
    if (peers_find(&router->peers, name, size)) {
        log_line("a client asked for a second run on one socket; ignored");
        return;
    }
    struct peer *peer = peers_add(&router->peers, name, size, asked->receives_freely);
    if (peer)
        router->fn(router, peer, asked);
    else
        refuse(router, identity, "the agent is out of memory");
}

static void on_dummy(struct router *router, zmq_msg_t *identity)
{
    struct peer *peer = peers_find(&router->peers, zmq_msg_data(identity), zmq_msg_size(identity));
    if (peer)
        peer_asks(peer);
}

/* [identity][empty][message] */
static void on_message(struct zmq_watch *watch, zmq_msg_t *frames, size_t n_frames)
{
    struct router *router = container_of(watch, struct router, socket);
    struct message message;
    if (n_frames != 3 || zmq_msg_size(&frames[1]) != 0) {
        log_line("a message with wrong frames was ignored");
        return;
    }
    int r = message_decode(zmq_msg_data(&frames[2]), zmq_msg_size(&frames[2]), &message);
    if (r == 0 && message.type == MESSAGE_RUN_STUDENT)
        on_run_student(router, &frames[0], &message.run_student);
    else if (r == 0 && message.type == MESSAGE_DUMMY)
        on_dummy(router, &frames[0]);
    else if (r == 0 || r == -ENOMSG)
        refuse(router, &frames[0], "the agent was sent a message that it does not know");
    else
        refuse(router, &frames[0], "the agent was sent a message that is not complete");
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
    int yes = 1, linger = LINGER_MS;
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
    if (zmq_bind(socket, endpoint) < 0) {
        int error = -errno;
        zmq_close(socket);
        return error;
    }
    return zmq_watch_open(&router->socket, loop, socket, on_message);
}

int router_init(struct router *router, struct loop *loop, const char *sockets_dir, router_fn *fn)
{
    struct stat owner;
    *router = (struct router){.lock = -1, .fn = fn};
    peers_init(&router->peers, &router->socket);
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
    peers_deinit(&router->peers);
    if (router->socket.socket && router->path)
        unlink(router->path);
    zmq_watch_close(&router->socket);
    if (router->context)
        zmq_ctx_term(router->context);
    router->context = NULL;
    free(router->path);
    router->path = NULL;
    fd_clear(&router->lock);
}
