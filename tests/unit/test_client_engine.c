/* How many runs an engine takes, and what it knows of the signals that it sent. */
#include "test.h"

#include "base/loop.h"
#include "protocol/message.h"
#include "studentrun.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#define TRIES 16

static void on_started(struct studentrun *run, const char *container_id, void *userdata)
{
    (void)run, (void)container_id, (void)userdata;
}

static void on_handed_over(struct studentrun *run, void *userdata)
{
    (void)run, (void)userdata;
}

static void on_ended(struct studentrun *run, const struct studentrun_result *result, void *userdata)
{
    (void)run, (void)result, (void)userdata;
}

static const struct studentrun_events events = {
    .started = on_started, .handed_over = on_handed_over, .ended = on_ended};
static const struct studentrun_request request = {.command = "true", .fds = {-1, -1, -1}};

/* Starts runs, for a router that never comes, until one is refused. Returns how many there were. */
static int fill(struct studentrun_engine *engine, struct studentrun **runs, int *ret_error)
{
    int n = 0;
    *ret_error = 0;
    while (n < TRIES && *ret_error == 0) {
        *ret_error = studentrun_start(engine, &request, &events, NULL, &runs[n]);
        n += *ret_error == 0;
    }
    return n;
}

static int runs_of(uint32_t max_runs, int *ret_error)
{
    char dir[] = "/tmp/studentfs-test-XXXXXX";
    struct studentrun *runs[TRIES];
    struct studentrun_engine *engine;
    assert_non_null(mkdtemp(dir));
    const struct studentrun_options options = {.sockets_dir = dir, .max_runs = max_runs};
    assert_int_equal(studentrun_engine_new(&options, &engine), 0);
    int n = fill(engine, runs, ret_error);
    for (int i = 0; i < n; i++)
        studentrun_free(runs[i]);
    studentrun_engine_free(engine);
    assert_int_equal(rmdir(dir), 0); /* nothing is left in it */
    return n;
}

static void an_engine_for_few_refuses_more(void **state)
{
    (void)state;
    int error;
    assert_in_range(runs_of(1, &error), 1, TRIES - 1);
    assert_int_equal(error, -EMFILE);
}

static void others_take_what_comes(void **state)
{
    (void)state;
    int error;
    assert_int_equal(runs_of(0, &error), TRIES);
    assert_int_equal(error, 0);
}

/* --- a router by hand --- */

struct routed {
    char dir[32], endpoint[64];
    void *context, *router;
    struct studentrun_engine *engine;
    struct studentrun *run;
};

static void routed_open(struct routed *routed)
{
    *routed = (struct routed){.dir = "/tmp/studentfs-test-XXXXXX", .context = zmq_ctx_new()};
    assert_non_null(mkdtemp(routed->dir));
    const struct studentrun_options options = {.sockets_dir = routed->dir,
                                               .transport = STUDENTRUN_TRANSPORT_MESSAGE};
    snprintf(routed->endpoint, sizeof(routed->endpoint), "ipc://%s/main.sock", routed->dir);
    routed->router = zmq_socket(routed->context, ZMQ_ROUTER);
    assert_int_equal(zmq_bind(routed->router, routed->endpoint), 0);
    assert_int_equal(studentrun_engine_new(&options, &routed->engine), 0);
    assert_int_equal(studentrun_start(routed->engine, &request, &events, NULL, &routed->run), 0);
}

static void routed_close(struct routed *routed)
{
    studentrun_free(routed->run);
    studentrun_engine_free(routed->engine);
    zmq_ctx_term(routed->context);
    assert_int_equal(unlink(routed->endpoint + strlen("ipc://")), 0);
    assert_int_equal(rmdir(routed->dir), 0);
}

/* Waits at most 10 ms for the engine's descriptor. */
static void dispatch(struct routed *routed, uint64_t deadline)
{
    struct pollfd engine = {.fd = studentrun_engine_fd(routed->engine), .events = POLLIN};
    assert_true(monotonic_ns() < deadline);
    assert_true(poll(&engine, 1, 10) >= 0);
    assert_int_equal(studentrun_engine_dispatch(routed->engine), 0);
}

/* Waits for a message of the type, and answers it; with NULL not. */
static void answer(struct routed *routed, enum message_type type, const struct message *message)
{
    uint64_t deadline = monotonic_ns() + 10 * NS_PER_S;
    struct message received = {.type = MESSAGE_TYPE_COUNT};
    char id[256], data[4096];
    int id_size = 0;
    while (received.type != type) {
        dispatch(routed, deadline);
        id_size = zmq_recv(routed->router, id, sizeof(id), ZMQ_DONTWAIT);
        if (id_size < 0)
            continue;
        assert_int_equal(zmq_recv(routed->router, data, sizeof(data), 0), 0);
        int size = zmq_recv(routed->router, data, sizeof(data), 0);
        assert_int_equal(message_decode(data, (size_t)size, &received), 0);
    }
    char *encoded;
    size_t size;
    if (!message)
        return;
    assert_int_equal(message_encode(message, &encoded, &size), 0);
    zmq_send(routed->router, id, (size_t)id_size, ZMQ_SNDMORE);
    zmq_send(routed->router, "", 0, ZMQ_SNDMORE);
    zmq_send(routed->router, encoded, size, 0);
    free(encoded);
}

static void wait_until_read(struct routed *routed)
{
    uint64_t deadline = monotonic_ns() + 10 * NS_PER_S;
    while (!studentrun_signals_are_read(routed->run))
        dispatch(routed, deadline);
}

static const struct message started = {.type = MESSAGE_RUN_STUDENT_STARTED,
                                       .run_student_started = {.container_id = {"c", 1}}};
static const struct message dummy = {.type = MESSAGE_DUMMY};

static void a_signal_is_read_when_the_router_says_so(void **state)
{
    (void)state;
    struct routed routed;
    routed_open(&routed);
    assert_true(studentrun_signals_are_read(routed.run));
    assert_int_equal(studentrun_signal(routed.run, SIGTERM), 0);
    assert_false(studentrun_signals_are_read(routed.run)); /* it waits for the hand-over */
    answer(&routed, MESSAGE_RUN_STUDENT, &started);
    answer(&routed, MESSAGE_RUN_STUDENT_INIT, &dummy);
    assert_false(studentrun_signals_are_read(routed.run));
    answer(&routed, MESSAGE_STUDENT_SIGNAL, &dummy);
    wait_until_read(&routed);
    zmq_close(routed.router);
    routed_close(&routed);
}

static void a_router_that_went_away_is_not_waited_for(void **state)
{
    (void)state;
    struct routed routed;
    routed_open(&routed);
    answer(&routed, MESSAGE_RUN_STUDENT, &started);
    assert_int_equal(studentrun_signal(routed.run, SIGTERM), 0);
    answer(&routed, MESSAGE_RUN_STUDENT_INIT, &dummy);
    answer(&routed, MESSAGE_STUDENT_SIGNAL, NULL);
    assert_false(studentrun_signals_are_read(routed.run));
    zmq_close(routed.router);
    wait_until_read(&routed);
    routed_close(&routed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_engine_for_few_refuses_more),
        cmocka_unit_test(others_take_what_comes),
        cmocka_unit_test(a_signal_is_read_when_the_router_says_so),
        cmocka_unit_test(a_router_that_went_away_is_not_waited_for),
    };
    return RUN_TESTS(tests);
}
