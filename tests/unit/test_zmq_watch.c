/* ZeroMQ sockets on the loop: nothing stays unread, whatever used the edge up. */
#include "test.h"

#include "base/zmq_watch.h"

#include <errno.h>
#include <string.h>

struct receiver {
    struct zmq_watch watch;
    struct loop loop;
    void *context, *peer;
    int received;
    size_t n_frames; /* of the last message */
    bool closes;
};

static void on_message(struct zmq_watch *watch, zmq_msg_t *frames, size_t n_frames)
{
    struct receiver *receiver = container_of(watch, struct receiver, watch);
    receiver->received++;
    receiver->n_frames = n_frames;
    assert_int_equal(zmq_msg_size(&frames[0]), 1);
    if (receiver->closes)
        zmq_watch_close(watch);
}

static void receiver_open(struct receiver *receiver)
{
    *receiver = (struct receiver){.context = zmq_ctx_new()};
    void *socket = zmq_socket(receiver->context, ZMQ_PAIR);
    receiver->peer = zmq_socket(receiver->context, ZMQ_PAIR);
    assert_int_equal(zmq_bind(receiver->peer, "inproc://test"), 0);
    assert_int_equal(zmq_connect(socket, "inproc://test"), 0);
    /* Before the watch: its edge is spent. */
    assert_int_equal(zmq_send(receiver->peer, "x", 1, 0), 1);
    assert_int_equal(loop_init(&receiver->loop), 0);
    assert_int_equal(zmq_watch_open(&receiver->watch, &receiver->loop, socket, on_message), 0);
}

static void receiver_close(struct receiver *receiver)
{
    zmq_watch_close(&receiver->watch);
    zmq_watch_close(&receiver->watch); /* harmless */
    zmq_close(receiver->peer);
    zmq_ctx_term(receiver->context);
    loop_deinit(&receiver->loop);
}

static void dispatch_until(struct receiver *receiver, int received)
{
    uint64_t deadline = monotonic_ns() + 10 * NS_PER_S;
    while (receiver->received < received) {
        assert_true(monotonic_ns() < deadline);
        assert_int_equal(loop_dispatch(&receiver->loop, 1000), 0);
    }
    assert_int_equal(receiver->received, received);
}

/* More than one burst, and sends in between, which read the events away. */
static void test_burst(void **state)
{
    (void)state;
    struct receiver receiver;
    const struct zmq_part part = {"y", 1};
    receiver_open(&receiver);
    dispatch_until(&receiver, 1);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(zmq_send(receiver.peer, "x", 1, 0), 1);
        assert_int_equal(zmq_watch_send(&receiver.watch, &part, 1), 0);
    }
    dispatch_until(&receiver, 201);
    receiver_close(&receiver);
}

static void test_close_within(void **state)
{
    (void)state;
    struct receiver receiver;
    receiver_open(&receiver);
    receiver.closes = true;
    assert_int_equal(zmq_send(receiver.peer, "x", 1, 0), 1);
    dispatch_until(&receiver, 1);
    assert_int_equal(loop_dispatch(&receiver.loop, 0), 0);
    assert_int_equal(receiver.received, 1);
    receiver_close(&receiver);
}

static void test_frames(void **state)
{
    (void)state;
    struct receiver receiver;
    receiver_open(&receiver);
    dispatch_until(&receiver, 1);
    for (int i = 0; i < 10; i++)
        assert_int_equal(zmq_send(receiver.peer, "x", 1, i < 9 ? ZMQ_SNDMORE : 0), 1);
    dispatch_until(&receiver, 2);
    assert_int_equal(receiver.n_frames, 10);
    receiver_close(&receiver);
}

/* Nobody reads: past the high-water mark it says so. */
static void test_full(void **state)
{
    (void)state;
    struct receiver receiver;
    const struct zmq_part parts[] = {{"", 0}, {"y", 1}};
    int r = 0, sent = 0;
    receiver_open(&receiver);
    for (; r == 0 && sent < 10000; sent++)
        r = zmq_watch_send(&receiver.watch, parts, 2);
    assert_int_equal(r, -EAGAIN);
    receiver_close(&receiver);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_burst),
                                       cmocka_unit_test(test_close_within),
                                       cmocka_unit_test(test_frames), cmocka_unit_test(test_full)};
    return RUN_TESTS(tests);
}
