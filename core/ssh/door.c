/* The door. */
#include "door.h"

#include "base/cleanup.h"
#include "base/fdpass.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* A line that is cut without a word is noticed within these: seconds. */
#define SILENT_S      30
#define PROBE_S       10
#define PROBES        3
#define UNANSWERED_MS 60000 /* of what was sent */

struct connection {
    struct list link;
    struct door *door;
    struct watch watch; /* of the socket on which it asks */
    pid_t pid;
    bool is_in;
};

static void on_listener(struct watch *watch, uint32_t events);

/* Where there is room: what does not fit waits in the kernel's queue. */
static void listen_again(struct door *door)
{
    bool is_open = door->n_strangers < STRANGERS_MAX && door->n_wrong < WRONG_MAX;
    if (is_open && !door->listener_watch.loop)
        watch_add(door->loop, &door->listener_watch, door->listener, EPOLLIN, on_listener);
    else if (!is_open)
        watch_remove(&door->listener_watch);
}

static void lock(struct door *door)
{
    const struct session_message locked = {.kind = SESSION_LOCKED};
    fdpass_send(door->session, &locked, sizeof(locked), NULL, 0);
    listen_again(door);
    fd_clear(&door->listener);
}

/* --- a connection --- */

static void connection_free(struct connection *connection)
{
    struct door *door = connection->door;
    int fd = connection->watch.fd;
    watch_remove(&connection->watch);
    close(fd);
    if (connection->is_in)
        door->n_visitors--;
    else
        door->n_strangers--;
    list_remove(&connection->link);
    free(connection);
    listen_again(door);
}

/* In a time that does not depend on where they differ. */
static bool is_equal(const void *a, const void *b, size_t size)
{
    const unsigned char *left = a, *right = b;
    unsigned char difference = 0;
    for (size_t i = 0; i < size; i++)
        difference |= (unsigned char)(left[i] ^ right[i]);
    return difference == 0;
}

/* Gives the visitor a socket to init, and init the other end of it. */
static int let_in(struct connection *connection)
{
    static const char right = LOGIN_RIGHT;
    const struct session_message login = {.kind = SESSION_LOGIN};
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    ssize_t n = fdpass_send(connection->door->session, &login, sizeof(login), &pair[0], 1);
    if (n > 0)
        n = fdpass_send(connection->watch.fd, &right, 1, &pair[1], 1);
    close(pair[0]);
    close(pair[1]);
    return n < 0 ? (int)n : 0;
}

static void judge(struct connection *connection, const struct login *login)
{
    static const char wrong = LOGIN_WRONG;
    struct door *door = connection->door;
    bool is_right = is_equal(login, &door->right, sizeof(*login));
    if (is_right && !connection->is_in && door->n_visitors < VISITORS_MAX &&
        let_in(connection) == 0) {
        connection->is_in = true;
        door->n_visitors++;
        door->n_strangers--;
        listen_again(door);
        return;
    }
    fdpass_send(connection->watch.fd, &wrong, 1, NULL, 0);
    if (!is_right && ++door->n_wrong == WRONG_MAX)
        lock(door);
}

static void on_question(struct watch *watch, uint32_t events)
{
    (void)events;
    struct connection *connection = container_of(watch, struct connection, watch);
    struct login login;
    ssize_t n = fdpass_receive(watch->fd, &login, sizeof(login), NULL, 0, NULL, NULL);
    if (n == sizeof(login) && connection->door->n_wrong < WRONG_MAX)
        judge(connection, &login);
    else if (n != -EAGAIN && n != -EINTR)
        connection_free(connection); /* its end, or nonsense: it is left alone with it */
    explicit_bzero(&login, sizeof(login));
}

/* What the process of a connection needs no more of the door's. */
static _Noreturn void become_visitor(struct door *door, int fd, int question)
{
    static const struct rlimit no_processes = {0, 0};
    sigset_t none;
    ssh_key key = door->key;
    explicit_bzero(&door->right, sizeof(door->right));
    int low[] = {STDERR_FILENO + 1, STDERR_FILENO + 2};
    fd = fcntl(fd, F_DUPFD_CLOEXEC, 64);
    question = fcntl(question, F_DUPFD_CLOEXEC, 64);
    dup2(fd, low[0]);
    dup2(question, low[1]);
    close_range((unsigned)low[1] + 1, ~0u, 0);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setrlimit(RLIMIT_NPROC, &no_processes);
    visitor_serve(key, low[0], low[1], door->login_s);
}

static void watch_line(int fd)
{
    static const int yes = 1;
    static const struct {
        int option, value;
    } options[] = {{TCP_KEEPIDLE, SILENT_S},
                   {TCP_KEEPINTVL, PROBE_S},
                   {TCP_KEEPCNT, PROBES},
                   {TCP_USER_TIMEOUT, UNANSWERED_MS},
                   {TCP_NODELAY, 1}};
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes));
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        setsockopt(fd, IPPROTO_TCP, options[i].option, &options[i].value, sizeof(int));
}

static struct connection *connection_new(struct door *door, int fd)
{
    int pair[2];
    struct connection *connection = calloc(1, sizeof(*connection));
    if (!connection || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        free(connection);
        return NULL;
    }
    connection->door = door;
    connection->pid = fork();
    if (connection->pid == 0)
        become_visitor(door, fd, pair[1]);
    close(pair[1]);
    if (connection->pid < 0 ||
        watch_add(door->loop, &connection->watch, pair[0], EPOLLIN, on_question) < 0) {
        close(pair[0]); /* its process ends by that */
        free(connection);
        return NULL;
    }
    return connection;
}

static void on_listener(struct watch *watch, uint32_t events)
{
    (void)events;
    struct door *door = container_of(watch, struct door, listener_watch);
    _cleanup_close_ int fd = accept4(door->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    watch_line(fd);
    struct connection *connection = connection_new(door, fd);
    if (!connection)
        return;
    list_append(&door->connections, &connection->link);
    door->n_strangers++;
    listen_again(door);
}

/* --- the door itself --- */

static void on_children(struct watch *watch, uint32_t events)
{
    (void)events;
    struct signalfd_siginfo info;
    if (read(watch->fd, &info, sizeof(info)) < 0)
        return;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
}

/* init says nothing here: it has closed it, and the run is over. */
static void on_session(struct watch *watch, uint32_t events)
{
    (void)events;
    loop_stop(watch->loop);
}

int door_open(struct door *door, struct loop *loop, const struct setup *setup, ssh_key key)
{
    sigset_t child;
    *door = (struct door){.loop = loop,
                          .right = setup->right,
                          .key = key,
                          .login_s = setup->login_s,
                          .session = setup->session,
                          .listener = setup->listener};
    list_init(&door->connections);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    int children = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    int r = children < 0 ? -errno
                         : watch_add(loop, &door->children_watch, children, EPOLLIN, on_children);
    if (r == 0)
        r = watch_add(loop, &door->session_watch, door->session, EPOLLIN, on_session);
    if (r == 0)
        listen_again(door);
    return r;
}
