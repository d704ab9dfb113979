/* The ssh server of one run, the agent's part. */
#include "ssh.h"

#include "base/log.h"

#include "base/cleanup.h"
#include "base/fdpass.h"
#include "base/process.h"
#include "protocol/message.h"
#include "ssh_listener.h"
#include "ssh_sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>

#define START_BOUND_NS (20 * NS_PER_S) /* as a sandbox's */
#define WORDS_MAX      256             /* bytes of the server's complaints that are kept */

struct ssh {
    struct list link; /* of those that are being started */
    struct ssh_host *host;
    ssh_fn *fn; /* NULL: it has been called */
    void *owner;
    char user[64], password[64];
    uint16_t port;
    int control, log, server; /* server: pidfd */
    int init;                 /* init's end, until it is given away */
    struct watch watch;
    struct timer bound;
    bool is_freed; /* as soon as the spawner has answered */
    char words[WORDS_MAX];
};

/* --- all of them --- */

static void find_program(struct ssh_host *host)
{
    static const char *const places[] = {"studentfs-ssh", "../libexec/studentfs/studentfs-ssh"};
    const char *given = host->options->program;
    if (given && access(given, X_OK) == 0)
        snprintf(host->program, sizeof(host->program), "%s", given);
    else if (given || process_find_program(places, sizeof(places) / sizeof(places[0]),
                                           host->program, sizeof(host->program)) < 0)
        *host->program = 0;
}

/* An address that stands for all of them is none to go to: the machine's name is. */
static void name_host(struct ssh_host *host)
{
    const char *address = host->options->address;
    bool is_any = strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0;
    if (!is_any || gethostname(host->name, sizeof(host->name) - 1) < 0)
        snprintf(host->name, sizeof(host->name), "%s", address);
}

int ssh_host_init(struct ssh_host *host)
{
    *host = (struct ssh_host){0};
    list_init(&host->starting);
    return spawner_init(&host->spawner, NULL);
}

static void on_spawned(struct spawner *spawner, int pidfd)
{
    struct ssh_host *host = container_of(spawner, struct ssh_host, spawner);
    if (pidfd == -ESRCH || list_is_empty(&host->starting)) {
        *host->program = 0; /* no more of them */
        return;
    }
    struct ssh *ssh = container_of(host->starting.next, struct ssh, link);
    list_remove(&ssh->link);
    ssh->server = pidfd;
    if (ssh->is_freed)
        ssh_free(ssh);
}

int ssh_host_start(struct ssh_host *host, struct loop *loop, const struct maker *maker,
                   const struct ssh_options *options)
{
    uint16_t port;
    host->loop = loop;
    host->maker = maker;
    host->options = options;
    find_program(host);
    name_host(host);
    int r = ssh_ports_parse(options->ports, &host->first, &host->last);
    if (r < 0) {
        log_warning("--ssh-ports %s: not FIRST-LAST", options->ports);
        return r;
    }
    _cleanup_close_ int tried = ssh_listen(options->address, 0, 0, &port);
    if (tried < 0) {
        log_warning("--ssh-address %s: %s", options->address,
                    tried == -EINVAL ? "not a numeric address" : strerror(-tried));
        return tried;
    }
    r = spawner_watch(&host->spawner, loop, on_spawned);
    if (r < 0)
        log_warning("cannot serve ssh: %s", strerror(-r));
    return r;
}

void ssh_host_deinit(struct ssh_host *host)
{
    spawner_deinit(&host->spawner);
    list_for_each_safe (item, following, &host->starting)
        free(container_of(item, struct ssh, link));
}

bool ssh_host_is_available(const struct ssh_host *host)
{
    return *host->program != 0;
}

/* --- one --- */

void *ssh_owner(const struct ssh *ssh)
{
    return ssh->owner;
}

const char *ssh_user(const struct ssh *ssh)
{
    return ssh->user;
}

const char *ssh_password(const struct ssh *ssh)
{
    return ssh->password;
}

uint16_t ssh_port(const struct ssh *ssh)
{
    return ssh->port;
}

const char *ssh_last_words(struct ssh *ssh)
{
    ssize_t n = read(ssh->log, ssh->words, sizeof(ssh->words) - 1);
    ssh->words[n > 0 ? n : 0] = 0;
    ssh->words[strcspn(ssh->words, "\n")] = 0;
    return *ssh->words ? ssh->words : "it did not start";
}

static void tell(struct ssh *ssh, int session)
{
    ssh_fn *fn = ssh->fn;
    ssh->fn = NULL;
    timer_disarm(&ssh->bound);
    if (fn)
        fn(ssh, session);
}

/* It says one thing, that it is ready; all else is its end, which init sees as well. */
static void on_control(struct watch *watch, uint32_t events)
{
    (void)events;
    struct ssh *ssh = container_of(watch, struct ssh, watch);
    char byte;
    ssize_t n = fdpass_receive(watch->fd, &byte, 1, NULL, 0, NULL, NULL);
    if (n == -EAGAIN || n == -EINTR)
        return;
    if (n <= 0)
        watch_remove(watch);
    tell(ssh, n > 0 ? fd_steal(&ssh->init) : -ECHILD);
}

static void on_bound(struct timer *timer)
{
    tell(container_of(timer, struct ssh, bound), -ETIME);
}

/* Waits in the socket until the server has started. */
static int send_setup(struct ssh *ssh)
{
    const struct message message = {.type = MESSAGE_INIT_SSH,
                                    .init_ssh = {.user = text_of(ssh->user),
                                                 .password = text_of(ssh->password),
                                                 .login_s = (int64_t)ssh->host->options->login}};
    _cleanup_free_ char *bytes = NULL;
    _cleanup_close_ int listener =
        ssh_listen(ssh->host->options->address, ssh->host->first, ssh->host->last, &ssh->port);
    int session[2];
    size_t size;
    if (listener < 0)
        return listener;
    int r = message_encode(&message, &bytes, &size);
    if (r < 0)
        return r;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, session) < 0)
        return -errno;
    ssh->init = session[1];
    const int fds[] = {session[0], listener};
    ssize_t n = fdpass_send(ssh->control, bytes, size, fds, 2);
    close(session[0]);
    return n < 0 ? (int)n : 0;
}

static int spawn(struct ssh *ssh, struct spawn *spawn)
{
    int log[2], control[2];
    const struct maker *maker = ssh->host->maker;
    memcpy(spawn->data, maker->data, sizeof(spawn->data));
    if (pipe2(log, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    ssh->log = log[0];
    spawn->log = log[1];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0)
        return -errno;
    ssh->control = control[0];
    spawn->control = control[1];
    int r = send_setup(ssh);
    if (r == 0)
        r = ssh_sandbox_arguments(ssh->host->program, maker->is_root, &spawn->arguments,
                                  &spawn->size);
    return r < 0 ? r : spawner_spawn(&ssh->host->spawner, spawn);
}

static int start(struct ssh *ssh)
{
    struct spawn order = {.control = -1, .log = -1, .birthplace = -1, .places = {-1, -1, -1, -1}};
    int r = timer_init(ssh->host->loop, &ssh->bound, on_bound);
    if (r == 0)
        r = spawn(ssh, &order);
    if (r == 0) /* an answer will come for it */
        list_append(&ssh->host->starting, &ssh->link);
    fd_clear(&order.control);
    fd_clear(&order.log);
    free(order.arguments);
    if (r == 0)
        r = watch_add(ssh->host->loop, &ssh->watch, ssh->control, EPOLLIN, on_control);
    timer_arm(&ssh->bound, START_BOUND_NS);
    return r;
}

int ssh_new(struct ssh_host *host, const char *user, const char *password, ssh_fn *fn, void *owner,
            struct ssh **ret_ssh)
{
    struct ssh *ssh = calloc(1, sizeof(*ssh));
    if (!ssh)
        return -ENOMEM;
    *ssh = (struct ssh){
        .host = host, .fn = fn, .owner = owner, .control = -1, .log = -1, .server = -1, .init = -1};
    list_init(&ssh->link);
    snprintf(ssh->user, sizeof(ssh->user), "%s", user);
    snprintf(ssh->password, sizeof(ssh->password), "%s", password);
    int r = start(ssh);
    if (r < 0) {
        ssh_free(ssh);
        return r;
    }
    *ret_ssh = ssh;
    return 0;
}

void ssh_free(struct ssh *ssh)
{
    if (!ssh)
        return;
    watch_remove(&ssh->watch);
    timer_deinit(&ssh->bound);
    fd_clear(&ssh->control); /* by which it ends, if not by this: */
    if (ssh->server >= 0)
        pidfd_send_signal(ssh->server, SIGKILL, NULL, 0);
    fd_clear(&ssh->server);
    fd_clear(&ssh->log);
    fd_clear(&ssh->init);
    explicit_bzero(ssh->password, sizeof(ssh->password));
    if (list_is_empty(&ssh->link))
        free(ssh);
    else
        ssh->is_freed = true;
}
