/*
 * The engine: the loop, the ZeroMQ context, and whether the router is there.
 *
 * ZeroMQ hides that a peer is gone: a socket reconnects, and what was asked of a router
 * that died is asked of nobody. So one socket, which never sends, is monitored in place of
 * all (a monitor per run would cost each two more sockets). A router that comes back knows
 * nothing of earlier runs, and could not tell them from strangers: a reconnected DEALER has
 * a new identity. So coming back saves no run; the grace is for what is still on its way.
 */
#include "engine.h"

#include "init_link.h"
#include "message_link.h"
#include "protocol/handover.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

/* A router not there yet is looked for often at first: its start takes some milliseconds. */
#define RECONNECT_MS     10
#define RECONNECT_MAX_MS 200

/* No message of the protocol is much longer than BLOCK_MAX. A peer that says more loses its
 * connection, which is told to nobody: so one that is merely careless is borne with. */
#define INCOMING_MAX WAITING_MAX
/* Messages that came and are not fetched yet: as long as may be they are a part of what a run that
 * does not fetch them keeps in memory. */
#define INCOMING_N_MAX 256

/* For ZeroMQ's thread to fetch what a dead router's last words left in the kernel. */
#define LAST_WORDS_MS 20

/* The router's monitor has two; what watches the router, signals and the spare one each. A run has
 * up to three: its own, its input's and its ssh login's; and a run before it as many that ZeroMQ
 * has not put away yet. */
#define SOCKETS_OWN     5
#define SOCKETS_PER_RUN 6

static const struct studentrun_options defaults = {
    .sockets_dir = "/sockets",
    .connect_timeout_ms = 10000,
    .start_timeout_ms = 60000,
    .handover_timeout_ms = 10000,
    .fallback_timeout_ms = 10000,
    .retval_timeout_ms = 60000,
    .router_grace_ms = 1000,
};

static void set_options(struct studentrun_engine *engine, const struct studentrun_options *options)
{
    struct studentrun_options *set = &engine->options;
    *set = *options;
    if (!set->connect_timeout_ms)
        set->connect_timeout_ms = defaults.connect_timeout_ms;
    if (!set->start_timeout_ms)
        set->start_timeout_ms = defaults.start_timeout_ms;
    if (!set->handover_timeout_ms)
        set->handover_timeout_ms = defaults.handover_timeout_ms;
    if (!set->fallback_timeout_ms)
        set->fallback_timeout_ms = defaults.fallback_timeout_ms;
    if (!set->retval_timeout_ms)
        set->retval_timeout_ms = defaults.retval_timeout_ms;
    if (!set->router_grace_ms)
        set->router_grace_ms = defaults.router_grace_ms;
}

static int set_paths(struct studentrun_engine *engine)
{
    const char *dir = engine->options.sockets_dir;
    dir = dir ? dir : defaults.sockets_dir;
    if (strlen(dir) + 1 + SOCKET_NAME_MAX >= sizeof(((struct sockaddr_un *)0)->sun_path))
        return -ENAMETOOLONG;
    engine->sockets_dir = strdup(dir); /* the options' own is the caller's */
    if (!engine->sockets_dir)
        return -ENOMEM;
    if (asprintf(&engine->endpoint, "ipc://%s/main.sock", dir) < 0) {
        engine->endpoint = NULL;
        return -ENOMEM;
    }
    engine->router = engine->endpoint + strlen("ipc://");
    return 0;
}

static int new_socket(struct studentrun_engine *engine, void **ret_socket)
{
    static const struct {
        int option, value;
    } settings[] = {
        {ZMQ_LINGER, 0},
        {ZMQ_RECONNECT_IVL, RECONNECT_MS},
        {ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS},
        {ZMQ_RCVHWM, INCOMING_N_MAX},
    };
    int64_t max = INCOMING_MAX;
    void *socket = zmq_socket(engine->context, ZMQ_DEALER);
    if (!socket)
        return -errno;
    bool ok = zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &max, sizeof(max)) == 0;
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]) && ok; i++)
        ok = zmq_setsockopt(socket, settings[i].option, &settings[i].value, sizeof(int)) == 0;
    if (!ok) {
        int error = -errno;
        zmq_close(socket);
        return error;
    }
    *ret_socket = socket;
    return 0;
}

static int connect_socket(struct studentrun_engine *engine, void **ret_socket)
{
    void *socket;
    int r = new_socket(engine, &socket);
    if (r < 0)
        return r;
    if (zmq_connect(socket, engine->endpoint) < 0) {
        r = -errno;
        zmq_close(socket);
        return r;
    }
    *ret_socket = socket;
    return 0;
}

int engine_socket(struct studentrun_engine *engine, void **ret_socket)
{
    *ret_socket = engine->spare;
    engine->spare = NULL;
    return *ret_socket ? 0 : connect_socket(engine, ret_socket);
}

void engine_make_spare(struct studentrun_engine *engine)
{
    if (!engine->spare && engine->options.max_runs != 1)
        connect_socket(engine, &engine->spare); /* else the next run connects its own */
}

int engine_send(struct zmq_watch *socket, const struct message *message)
{
    static const struct zmq_part delimiter = {"", 0};
    char *data;
    size_t size;
    int r = message_encode(message, &data, &size);
    return r < 0 ? r : zmq_watch_send_take(socket, &delimiter, 1, data, size);
}

/* --- signals and input in message mode --- */

/* The answers say that they were read, and nothing of what became of them. */
static void on_signal_answer(struct zmq_watch *watch, zmq_msg_t *frames, size_t n_frames)
{
    struct studentrun_engine *engine = container_of(watch, struct studentrun_engine, signals);
    (void)frames;
    (void)n_frames;
    if (engine->n_unread > 0)
        engine->n_unread--;
}

static int open_signals(struct studentrun_engine *engine)
{
    void *socket;
    int r = engine_socket(engine, &socket);
    return r < 0 ? r : zmq_watch_open(&engine->signals, &engine->loop, socket, on_signal_answer);
}

int engine_signal(struct studentrun_engine *engine, const char *container_id, int signal)
{
    char digits[SIGNAL_SIZE];
    const struct message message = {
        .type = MESSAGE_STUDENT_SIGNAL,
        .student_signal = {.student_container_id = text_of(container_id),
                           .signal_data = {digits, sizeof(digits)}}};
    int r = engine->signals.socket ? 0 : open_signals(engine);
    signal_encode(signal, digits);
    if (r == 0)
        r = engine_send(&engine->signals, &message);
    engine->n_unread += r == 0;
    return r;
}

int engine_block(struct studentrun_engine *engine)
{
    if (!engine->block)
        engine->block = malloc(BLOCK_MAX);
    return engine->block ? 0 : -ENOMEM;
}

/* --- whether the router is there --- */

static void lose_router(struct studentrun_engine *engine, uint32_t grace_ms, const char *reason)
{
    engine->n_unread = 0; /* whom would they be answered by? */
    list_for_each (link, &engine->runs)
        run_router_lost(run_of_link(link), grace_ms, reason);
}

static void find_router(struct studentrun_engine *engine)
{
    bool is_first = !engine->was_connected;
    engine->was_connected = true;
    list_for_each (link, &engine->runs)
        if (is_first)
            run_router_found(run_of_link(link));
}

/* A monitor's message: the event's number in two bytes and its value in four, then the address. */
static void on_monitor(struct zmq_watch *watch, zmq_msg_t *frames, size_t n_frames)
{
    struct studentrun_engine *engine = container_of(watch, struct studentrun_engine, monitor);
    uint16_t event;
    if (n_frames < 1 || zmq_msg_size(&frames[0]) < sizeof(event))
        return;
    memcpy(&event, zmq_msg_data(&frames[0]), sizeof(event));
    if (event == ZMQ_EVENT_CONNECTED) {
        find_router(engine);
    } else if (event == ZMQ_EVENT_DISCONNECTED) {
        char reason[sizeof(struct sockaddr_un) + 32];
        snprintf(reason, sizeof(reason), "the router at %s went away", engine->router);
        lose_router(engine, engine->options.router_grace_ms, reason);
    }
}

/*
 * 1023, ZeroMQ's default, are not enough for a daemon's runs; it clears a table of as many: for the
 * 65,535 that there may be half a megabyte, a tenth of the time that a command takes which runs
 * one.
 */
static int most_sockets(const struct studentrun_engine *engine)
{
    int64_t limit = zmq_ctx_get(engine->context, ZMQ_SOCKET_LIMIT);
    int64_t runs = engine->options.max_runs;
    int64_t wanted = SOCKETS_OWN + SOCKETS_PER_RUN * runs;
    return (int)(runs == 0 || wanted > limit ? limit : wanted);
}

static int open_context(struct studentrun_engine *engine)
{
    engine->context = zmq_ctx_new();
    if (!engine->context)
        return -errno;
    zmq_ctx_set(engine->context, ZMQ_IO_THREADS, 1);
    return zmq_ctx_set(engine->context, ZMQ_MAX_SOCKETS, most_sockets(engine)) < 0 ? -errno : 0;
}

/* ZeroMQ's threads start with the first socket, and inherit the mask. */
static int open_first_socket(struct studentrun_engine *engine)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = new_socket(engine, &engine->liveness);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return r;
}

static int open_monitor(struct studentrun_engine *engine)
{
    static const char address[] = "inproc://liveness";
    const int events = ZMQ_EVENT_CONNECTED | ZMQ_EVENT_DISCONNECTED;
    if (zmq_socket_monitor(engine->liveness, address, events) < 0)
        return -errno;
    void *socket = zmq_socket(engine->context, ZMQ_PAIR);
    if (!socket)
        return -errno;
    if (zmq_connect(socket, address) < 0) {
        int error = -errno;
        zmq_close(socket);
        return error;
    }
    return zmq_watch_open(&engine->monitor, &engine->loop, socket, on_monitor);
}

static int engine_open(struct studentrun_engine *engine)
{
    int r = loop_init(&engine->loop);
    if (r == 0)
        r = set_paths(engine);
    if (r == 0)
        r = open_context(engine);
    if (r == 0)
        r = open_first_socket(engine);
    if (r == 0)
        r = open_monitor(engine);
    if (r == 0 && zmq_connect(engine->liveness, engine->endpoint) < 0)
        r = -errno;
    return r;
}

int studentrun_engine_new(const struct studentrun_options *options,
                          struct studentrun_engine **ret_engine)
{
    struct studentrun_engine *engine = calloc(1, sizeof(*engine));
    if (!engine)
        return -ENOMEM;
    engine->loop = (struct loop){.epoll_fd = -1, .wake_fd = -1};
    list_init(&engine->runs);
    set_options(engine, options);
    int r = engine_open(engine);
    if (r < 0) {
        studentrun_engine_free(engine);
        return r;
    }
    *ret_engine = engine;
    return 0;
}

void studentrun_engine_free(struct studentrun_engine *engine)
{
    if (!engine)
        return;
    assert(list_is_empty(&engine->runs));
    /* Stopped and read to the end first: libzmq (4.3.4) loses the memory of events that are not. */
    if (engine->monitor.socket) {
        zmq_socket_monitor(engine->liveness, NULL, 0);
        zmq_watch_drain(&engine->monitor);
    }
    zmq_watch_close(&engine->monitor);
    zmq_watch_close(&engine->signals);
    if (engine->liveness)
        zmq_close(engine->liveness);
    if (engine->spare)
        zmq_close(engine->spare);
    while (engine->context && zmq_ctx_term(engine->context) < 0 && errno == EINTR)
        ; /* a signal came; it waits for ZeroMQ's own threads only */
    loop_deinit(&engine->loop);
    free(engine->block);
    free(engine->endpoint);
    free(engine->sockets_dir);
    free(engine);
}

int studentrun_engine_fd(const struct studentrun_engine *engine)
{
    return engine->loop.epoll_fd;
}

int studentrun_engine_dispatch(struct studentrun_engine *engine)
{
    return loop_dispatch(&engine->loop, 0);
}

void studentrun_engine_router_died(struct studentrun_engine *engine, const char *reason)
{
    lose_router(engine, LAST_WORDS_MS, reason);
}
