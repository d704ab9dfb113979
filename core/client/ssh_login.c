/* How to come into a run's ssh session. */
#include "ssh_login.h"

#include "base/cleanup.h"
#include "engine.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#define LENGTH_SIZE sizeof(uint32_t)

static void on_bound(struct timer *timer);

int ssh_login_open(struct ssh_login *login, struct studentrun_engine *engine, ssh_login_fn *fn)
{
    *login = (struct ssh_login){.engine = engine, .fn = fn};
    return timer_init(&engine->loop, &login->bound, on_bound);
}

static void forget(char **secret)
{
    if (*secret)
        explicit_bzero(*secret, strlen(*secret));
    free(*secret);
    *secret = NULL;
}

void ssh_login_close(struct ssh_login *login)
{
    zmq_watch_close(&login->router);
    timer_deinit(&login->bound);
    free(login->bytes);
    forget(&login->user);
    forget(&login->password);
    forget(&login->host);
    *login = (struct ssh_login){0};
}

static void tell(struct ssh_login *login)
{
    if (login->is_told)
        return;
    login->is_told = true;
    zmq_watch_close(&login->router);
    timer_disarm(&login->bound);
    login->fn(login);
}

static void on_bound(struct timer *timer)
{
    tell(container_of(timer, struct ssh_login, bound));
}

/* --- where --- */

static void take_place(struct ssh_login *login, struct text host, int64_t port)
{
    if (host.size > 0 && !login->host && !memchr(host.data, 0, host.size))
        login->host = strndup(host.data, host.size);
    if (port > 0 && port <= UINT16_MAX)
        login->port = (uint16_t)port;
}

/* Whatever the answer is: no other one comes. */
static void on_ok(struct zmq_watch *watch, zmq_msg_t *frames, size_t n_frames)
{
    struct ssh_login *login = container_of(watch, struct ssh_login, router);
    struct message message;
    if (n_frames == 2 &&
        message_decode(zmq_msg_data(&frames[1]), zmq_msg_size(&frames[1]), &message) == 0 &&
        message.type == MESSAGE_OK)
        take_place(login, message.ok.host, message.ok.port);
    tell(login);
}

static int ask_router(struct ssh_login *login)
{
    const struct message message = {.type = MESSAGE_SSH_STUDENT,
                                    .ssh_student = {.ssh_user = text_of(login->user),
                                                    .ssh_key = text_of(login->password),
                                                    .container_id = text_of(login->container_id)}};
    _cleanup_free_ char *data = NULL;
    size_t size;
    void *socket;
    int r = message_encode(&message, &data, &size);
    if (r == 0)
        r = engine_socket(login->engine, &socket);
    if (r == 0)
        r = zmq_watch_open(&login->router, &login->engine->loop, socket, on_ok);
    if (r < 0)
        return r;
    const struct zmq_part parts[] = {{"", 0}, {data, size}};
    return zmq_watch_send(&login->router, parts, 2);
}

/* --- who --- */

static char *copy(struct text text)
{
    if (text.size == 0 || memchr(text.data, 0, text.size))
        return NULL;
    return strndup(text.data, text.size);
}

/* The password has another name where a router says it. */
static int take_login(struct ssh_login *login, const struct message_ssh_student *said)
{
    login->user = copy(said->ssh_user);
    login->password = copy(said->password.size > 0 ? said->password : said->ssh_key);
    login->is_known = true;
    return login->user && login->password ? 0 : -EBADMSG;
}

/* The size of the message with its length; 0: not known yet. */
static size_t whole_size(const struct ssh_login *login)
{
    uint32_t length;
    if (login->size < LENGTH_SIZE)
        return 0;
    memcpy(&length, login->bytes, LENGTH_SIZE);
    return LENGTH_SIZE + ntohl(length);
}

/* -EAGAIN: more is to come. */
static int decode(struct ssh_login *login)
{
    struct message message;
    size_t size = whole_size(login);
    if (size > LENGTH_SIZE + SSH_LOGIN_MAX)
        return -EBADMSG;
    if (size == 0 || login->size < size)
        return -EAGAIN;
    int r = message_decode(login->bytes + LENGTH_SIZE, size - LENGTH_SIZE, &message);
    if (r < 0 || message.type != MESSAGE_SSH_STUDENT)
        return r == -ENOMEM ? r : -EBADMSG;
    return take_login(login, &message.ssh_student);
}

int ssh_login_read(struct ssh_login *login, const char *container_id, const char *data, size_t size)
{
    size_t room = LENGTH_SIZE + SSH_LOGIN_MAX - login->size;
    if (login->is_known || !login->engine)
        return 0; /* what follows is a newer init's */
    if (!login->bytes)
        login->bytes = malloc(LENGTH_SIZE + SSH_LOGIN_MAX);
    if (!login->bytes)
        return -ENOMEM;
    memcpy(login->bytes + login->size, data, size < room ? size : room);
    login->size += size < room ? size : room;
    int r = decode(login);
    if (r < 0)
        return r == -EAGAIN ? 0 : r;
    login->container_id = container_id;
    timer_arm(&login->bound, SSH_OK_MS * NS_PER_MS);
    /* Without a socket to ask by there is no answer, and the login is told as it is. */
    if (ask_router(login) < 0)
        timer_arm(&login->bound, 1);
    return 0;
}

void ssh_login_take(struct ssh_login *login, const struct message_ssh_student *said)
{
    if (!login->engine || login->is_known || take_login(login, said) < 0)
        return;
    take_place(login, said->host, said->port);
    tell(login);
}
