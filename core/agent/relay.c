/* The relay of one run in message mode. */
#include "relay.h"

#include "base/cleanup.h"
#include "base/fdpass.h"
#include "base/student.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* Signals that init has not taken: it takes them at once, so that more are a flood. */
#define SIGNALS_MAX (1024 * SIGNAL_SIZE)

/* Holds one block; pages are taken only as they are filled. */
#define OUTPUT_PIPE_SIZE (512 << 10)

enum { IN = 0, OUT = 1, ERR = 2 };

/* --- orders to init --- */

static void on_init(struct watch *watch, uint32_t events);

static void drop_orders(struct relay *relay)
{
    watch_remove(&relay->init_watch);
    free(relay->orders);
    relay->orders = NULL;
    relay->n_orders = 0;
}

static void close_fds(struct relay *relay)
{
    for (int i = 0; i < HANDOVER_FDS; i++)
        fd_clear(&relay->fds[i]);
}

/* The byte that carries the descriptors, then the rest. -EAGAIN: init's socket is full. */
static int send_orders(struct relay *relay)
{
    static const char letter = HANDOVER_DESCRIPTORS;
    ssize_t n = 0;
    if (relay->fds[IN] >= 0) {
        n = fdpass_send(relay->init, &letter, 1, relay->fds, HANDOVER_FDS);
        if (n < 0)
            return (int)n;
        close_fds(relay);
    }
    while (relay->n_orders > 0) {
        n = fdpass_send(relay->init, relay->orders, relay->n_orders, NULL, 0);
        if (n < 0)
            return (int)n;
        relay->n_orders -= (size_t)n;
        memmove(relay->orders, relay->orders + n, relay->n_orders);
    }
    return 0;
}

static void give_orders(struct relay *relay)
{
    int r = send_orders(relay);
    if (r == -EAGAIN) {
        if (!relay->init_watch.loop)
            watch_add(relay->loop, &relay->init_watch, relay->init, EPOLLOUT, on_init);
        return;
    }
    /* All is said; or init is gone, which its sandbox's end tells. */
    drop_orders(relay);
    close_fds(relay);
}

static void on_init(struct watch *watch, uint32_t events)
{
    (void)events;
    give_orders(container_of(watch, struct relay, init_watch));
}

/* One pipe for both keeps their order; the other one is at its end. */
static int fuse(struct relay *relay)
{
    int fd = fcntl(relay->fds[OUT], F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return -errno;
    fd_clear(&relay->fds[ERR]);
    relay->fds[ERR] = fd;
    return 0;
}

int relay_command(struct relay *relay, const struct message_run_student_command *command)
{
    const struct message message = {.type = MESSAGE_RUN_STUDENT_COMMAND,
                                    .run_student_command = *command};
    if (relay->has_command)
        return -EALREADY;
    int r = command->stdout_err_fuse ? fuse(relay) : 0;
    if (r == 0)
        r = message_encode(&message, &relay->orders, &relay->n_orders);
    if (r < 0)
        return r;
    relay->has_command = true;
    give_orders(relay);
    return 0;
}

void relay_signal(struct relay *relay, const struct message_student_signal *signal)
{
    const struct text *digits = &signal->signal_data;
    if (!relay->has_command || relay->init < 0 || digits->size != SIGNAL_SIZE ||
        signal_decode(digits->data) <= 0)
        return;
    if (relay->n_orders == 0 && !relay->orders &&
        fdpass_send(relay->init, digits->data, SIGNAL_SIZE, NULL, 0) != -EAGAIN)
        return;
    char *orders = relay->n_orders < MESSAGE_MAX + SIGNALS_MAX
                       ? realloc(relay->orders, relay->n_orders + SIGNAL_SIZE)
                       : NULL;
    if (!orders)
        return;
    memcpy(orders + relay->n_orders, digits->data, SIGNAL_SIZE);
    relay->orders = orders;
    relay->n_orders += SIGNAL_SIZE;
    give_orders(relay);
}

void relay_disconnect(struct relay *relay)
{
    drop_orders(relay);
    close_fds(relay);
    fd_clear(&relay->init);
}

/* --- output --- */

static void on_ended(struct deferred *deferred)
{
    struct relay *relay = container_of(deferred, struct relay, ended);
    relay->fn(relay);
}

void relay_go_on(struct relay *relay)
{
    for (int i = 0; i < 2; i++)
        outflow_go_on(&relay->output[i]);
    if (relay->is_ending && relay->output[0].fd < 0 && relay->output[1].fd < 0)
        deferred_schedule(relay->loop, &relay->ended);
}

/* The two share what a client asks for. */
static void on_output(struct outflow *outflow)
{
    struct relay *relay = outflow->type == MESSAGE_STDOUT
                              ? container_of(outflow, struct relay, output[0])
                              : container_of(outflow, struct relay, output[1]);
    relay_go_on(relay);
}

void relay_acknowledged(struct relay *relay, const struct message_dummy *dummy)
{
    static const char *const names[] = {"stdout", "stderr"};
    for (int i = 0; i < 2; i++) {
        if (!text_equals(dummy->acknowledges, names[i]))
            continue;
        outflow_acknowledged(&relay->output[i]);
        if (dummy->closed)
            outflow_close(&relay->output[i]);
    }
    relay_go_on(relay);
}

void relay_end(struct relay *relay)
{
    relay->is_ending = true;
    for (int i = 0; i < 2; i++)
        outflow_finish(&relay->output[i]);
    inflow_deinit(&relay->input);
    relay_disconnect(relay);
    relay_go_on(relay);
}

/* --- the whole --- */

static int make_pipes(struct relay *relay, int ret_ours[HANDOVER_FDS])
{
    int r = 0;
    for (int i = 0; i < HANDOVER_FDS && r == 0; i++)
        r = student_pipe(i == IN, i == IN ? 0 : OUTPUT_PIPE_SIZE, &ret_ours[i], &relay->fds[i]);
    return r;
}

int relay_init(struct relay *relay, struct loop *loop, struct peer *peer, const char *socket_id,
               relay_fn *fn, int *ret_connection)
{
    int ours[HANDOVER_FDS] = {-1, -1, -1}, sockets[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0)
        return -errno;
    *relay = (struct relay){
        .loop = loop, .peer = peer, .init = sockets[0], .fds = {-1, -1, -1}, .fn = fn};
    int r = make_pipes(relay, ours);
    deferred_init(&relay->ended, on_ended);
    int watched = inflow_init(&relay->input, loop, peer, ours[IN]);
    r = r < 0 ? r : watched;
    outflow_init(&relay->output[0], loop, peer, text_of(socket_id), MESSAGE_STDOUT, ours[OUT],
                 on_output);
    outflow_init(&relay->output[1], loop, peer, text_of(socket_id), MESSAGE_STDERR, ours[ERR],
                 on_output);
    if (r < 0) {
        close(sockets[1]);
        relay_deinit(relay);
        return r;
    }
    *ret_connection = sockets[1];
    return 0;
}

void relay_deinit(struct relay *relay)
{
    if (!relay->loop)
        return;
    relay_disconnect(relay);
    deferred_cancel(&relay->ended);
    inflow_deinit(&relay->input);
    for (int i = 0; i < 2; i++)
        outflow_deinit(&relay->output[i]);
    relay->loop = NULL;
}

bool relay_is_open(const struct relay *relay)
{
    return relay->loop != NULL;
}

ino_t relay_input_inode(const struct relay *relay)
{
    struct stat st;
    return relay_is_open(relay) && fstat(relay->input.fd, &st) == 0 ? st.st_ino : 0;
}
