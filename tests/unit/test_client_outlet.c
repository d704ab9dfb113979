/* A command's output on its way to the caller's descriptor. */
#include "test.h"

#include "base/loop.h"
#include "outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_N 200000 /* more than a pipe holds */

struct fixture {
    struct outlet outlet;
    struct loop loop;
    int reader, writer;
    int told;
};

static void on_outlet(struct outlet *outlet)
{
    container_of(outlet, struct fixture, outlet)->told++;
}

static void init(struct fixture *fixture)
{
    int fds[2];
    *fixture = (struct fixture){0};
    assert_int_equal(loop_init(&fixture->loop), 0);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    fixture->reader = fds[0];
    fixture->writer = fds[1];
    outlet_init(&fixture->outlet, on_outlet);
}

static void open_outlet(struct fixture *fixture)
{
    outlet_open(&fixture->outlet, &fixture->loop, fixture->writer);
}

static void deinit(struct fixture *fixture)
{
    outlet_deinit(&fixture->outlet);
    outlet_deinit(&fixture->outlet); /* harmless */
    if (fixture->reader >= 0)
        close(fixture->reader);
    loop_deinit(&fixture->loop);
}

/* A frame with the bytes somewhere in it, as in a message. */
static void push(struct fixture *fixture, const char *data, size_t size, bool eof)
{
    zmq_msg_t frame;
    assert_int_equal(zmq_msg_init_size(&frame, 3 + size), 0);
    char *at = zmq_msg_data(&frame);
    memcpy(at + 3, data, size);
    const struct message_block block = {.message = {at + 3, size}, .eof = eof};
    outlet_push(&fixture->outlet, &frame, &block);
    zmq_msg_close(&frame);
}

static void dispatch(struct fixture *fixture)
{
    for (int i = 0; i < 3; i++)
        assert_int_equal(loop_dispatch(&fixture->loop, 0), 0);
}

static void let_reader_go(struct fixture *fixture)
{
    close(fixture->reader);
    fixture->reader = -1;
}

static void assert_reads(struct fixture *fixture, const char *text)
{
    char data[64] = "";
    assert_int_equal(read(fixture->reader, data, sizeof(data) - 1), strlen(text));
    assert_string_equal(data, text);
}

/* Output may overtake what says that the command was taken. */
static void test_before_the_descriptor(void **state)
{
    (void)state;
    struct fixture fixture;
    init(&fixture);
    push(&fixture, "a", 1, false);
    push(&fixture, "", 0, false);
    push(&fixture, "bc", 2, false);
    assert_int_equal(fixture.outlet.done, 0);
    assert_true(fixture.outlet.size > 3);
    open_outlet(&fixture);
    push(&fixture, "d", 1, false);
    assert_reads(&fixture, "abcd");
    assert_int_equal(fixture.outlet.done, 4);
    assert_int_equal(fixture.outlet.size, 0);
    assert_true(outlet_is_empty(&fixture.outlet) && !fixture.outlet.is_closed);
    deinit(&fixture);
}

static void test_a_slow_reader(void **state)
{
    (void)state;
    static char block[BLOCK_N], back[2 * BLOCK_N];
    struct fixture fixture;
    init(&fixture);
    open_outlet(&fixture);
    for (size_t i = 0; i < BLOCK_N; i++)
        block[i] = (char)(i * 7 + i / 255);
    push(&fixture, block, BLOCK_N, false);
    push(&fixture, block, BLOCK_N, true);
    assert_int_equal(fixture.outlet.done, 0);
    assert_true(fixture.outlet.size >= 2 * BLOCK_N);
    size_t got = 0;
    for (ssize_t n; (n = read(fixture.reader, back + got, 50000)) > 0; got += (size_t)n)
        dispatch(&fixture);
    assert_int_equal(got, 2 * BLOCK_N);
    assert_memory_equal(back, block, BLOCK_N);
    assert_memory_equal(back + BLOCK_N, block, BLOCK_N);
    assert_int_equal(fixture.outlet.done, 2);
    assert_int_equal(fixture.outlet.size, 0);
    assert_true(fixture.outlet.is_closed); /* its end was told */
    deinit(&fixture);
}

/* With nothing to write as well; and what comes then is done with. */
static void test_a_reader_that_goes_away(void **state)
{
    (void)state;
    struct fixture fixture;
    init(&fixture);
    open_outlet(&fixture);
    push(&fixture, "a", 1, false);
    fixture.outlet.done = 0;
    dispatch(&fixture);
    assert_false(fixture.outlet.is_closed);
    fixture.told = 0;
    let_reader_go(&fixture);
    dispatch(&fixture);
    assert_true(fixture.outlet.is_closed);
    assert_int_equal(fixture.told, 1);
    assert_int_equal(fixture.outlet.done, 1); /* it is told by this one */
    push(&fixture, "b", 1, false);
    assert_int_equal(fixture.outlet.done, 2);
    assert_int_equal(fixture.outlet.size, 0);
    deinit(&fixture);
}

static void test_one_that_goes_while_blocks_wait(void **state)
{
    (void)state;
    static char block[BLOCK_N];
    struct fixture fixture;
    init(&fixture);
    open_outlet(&fixture);
    for (int i = 0; i < 3; i++)
        push(&fixture, block, BLOCK_N, false);
    let_reader_go(&fixture);
    dispatch(&fixture);
    assert_true(fixture.outlet.is_closed);
    assert_int_equal(fixture.outlet.done, 3);
    assert_int_equal(fixture.outlet.size, 0);
    deinit(&fixture);
}

/* With something to write and without: closed and told at once. */
static void test_one_that_was_never_there(void **state)
{
    (void)state;
    for (size_t size = 0; size <= 1; size++) {
        struct fixture fixture;
        init(&fixture);
        if (size > 0)
            push(&fixture, "a", size, false);
        let_reader_go(&fixture);
        open_outlet(&fixture);
        assert_true(fixture.outlet.is_closed);
        assert_int_equal(fixture.outlet.done, 1);
        deinit(&fixture);
    }
}

/* A flood of small blocks counts for what it takes. */
static void test_small_blocks_have_a_size(void **state)
{
    (void)state;
    struct fixture fixture;
    init(&fixture);
    for (int i = 0; i < 1000; i++)
        push(&fixture, "", 0, false);
    assert_true(fixture.outlet.size >= 1000 * sizeof(zmq_msg_t));
    deinit(&fixture);
}

int main(void)
{
    alarm(60); /* a write that waits */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_before_the_descriptor),
        cmocka_unit_test(test_a_slow_reader),
        cmocka_unit_test(test_a_reader_that_goes_away),
        cmocka_unit_test(test_one_that_goes_while_blocks_wait),
        cmocka_unit_test(test_one_that_was_never_there),
        cmocka_unit_test(test_small_blocks_have_a_size),
    };
    return RUN_TESTS(tests);
}
