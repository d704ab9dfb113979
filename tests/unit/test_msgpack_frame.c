/* How far each msgpack format reaches, whole, cut and lying. */
#include "test.h"

#include "protocol/message.h"
#include "protocol/msgpack_frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int size_of(const void *data, size_t size, size_t *ret_size)
{
    /* A block of its own, so that ASan sees a read past the end. */
    void *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    memcpy(copy, data, size);
    int r = msgpack_frame_size(copy, size, ret_size);
    free(copy);
    return r;
}

/* The header, and how many bytes of body (all of them 0xc0: nil) complete it. */
static const struct {
    const char *header;
    size_t size, body;
} formats[] = {
    {"\x00", 1, 0},
    {"\x7f", 1, 0},
    {"\x80", 1, 0},
    {"\x8f", 1, 30},
    {"\x90", 1, 0},
    {"\x9f", 1, 15},
    {"\xa0", 1, 0},
    {"\xbf", 1, 31},
    {"\xc0", 1, 0},
    {"\xc2", 1, 0},
    {"\xc3", 1, 0},
    {"\xc4\x05", 2, 5},
    {"\xc5\x01\x02", 3, 258},
    {"\xc6\x00\x01\x00\x00", 5, 65536},
    {"\xc7\x05", 2, 6},
    {"\xc8\x01\x02", 3, 259},
    {"\xc9\x00\x00\x00\x01", 5, 2},
    {"\xca", 1, 4},
    {"\xcb", 1, 8},
    {"\xcc", 1, 1},
    {"\xcd", 1, 2},
    {"\xce", 1, 4},
    {"\xcf", 1, 8},
    {"\xd0", 1, 1},
    {"\xd1", 1, 2},
    {"\xd2", 1, 4},
    {"\xd3", 1, 8},
    {"\xd4", 1, 2},
    {"\xd5", 1, 3},
    {"\xd6", 1, 5},
    {"\xd7", 1, 9},
    {"\xd8", 1, 17},
    {"\xd9\x20", 2, 32},
    {"\xda\x01\x00", 3, 256},
    {"\xdb\x00\x00\x00\x03", 5, 3},
    {"\xdc\x00\x11", 3, 17},
    {"\xdd\x00\x00\x00\x02", 5, 2},
    {"\xde\x00\x02", 3, 4},
    {"\xdf\x00\x00\x00\x02", 5, 4},
    {"\xe0", 1, 0},
    {"\xff", 1, 0},
};

static void test_formats(void **state)
{
    (void)state;
    static char data[5 + 65536 + 1];
    for (size_t i = 0; i < N_ELEMENTS(formats); i++) {
        size_t whole = formats[i].size + formats[i].body, found = 0;
        memset(data, 0xc0, sizeof(data));
        memcpy(data, formats[i].header, formats[i].size);
        assert_int_equal(size_of(data, whole, &found), 0);
        assert_int_equal(found, whole);
        assert_int_equal(size_of(data, whole + 1, &found), 0); /* what follows is another's */
        assert_int_equal(found, whole);
        for (size_t cut = 0; cut < whole; cut += cut < 512 ? 1 : 997)
            assert_int_equal(size_of(data, cut, &found), -EAGAIN);
    }
}

static void test_never_used(void **state)
{
    (void)state;
    size_t size;
    assert_int_equal(size_of("\xc1", 1, &size), -EBADMSG);
    assert_int_equal(size_of("\x91\xc1", 2, &size), -EBADMSG);
}

static void test_nesting(void **state)
{
    (void)state;
    char data[MSGPACK_DEPTH_MAX + 2];
    size_t size;
    memset(data, 0x91, sizeof(data));
    data[MSGPACK_DEPTH_MAX] = (char)0xc0;
    assert_int_equal(size_of(data, MSGPACK_DEPTH_MAX + 1, &size), 0);
    assert_int_equal(size, MSGPACK_DEPTH_MAX + 1);
    data[MSGPACK_DEPTH_MAX] = (char)0x91;
    data[MSGPACK_DEPTH_MAX + 1] = (char)0xc0;
    assert_int_equal(size_of(data, sizeof(data), &size), -EBADMSG);
    /* Siblings are no nesting. */
    assert_int_equal(size_of("\x92\x91\xc0\x91\x91\xc0", 6, &size), 0);
    assert_int_equal(size, 6);
}

/* A length that cannot be true is refused from the header alone, not waited for. */
static void test_lies(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        size_t size;
    } lies[] = {
        {"\xdd\xff\xff\xff\xff", 5}, {"\xdf\xff\xff\xff\xff", 5}, {"\xdf\x80\x00\x00\x00", 5},
        {"\xc6\xff\xff\xff\xff", 5}, {"\xdb\x00\x80\x00\x00", 5}, {"\xc9\xff\xff\xff\xff", 5},
    };
    size_t size;
    for (size_t i = 0; i < N_ELEMENTS(lies); i++)
        assert_int_equal(size_of(lies[i].data, lies[i].size, &size), -EBADMSG);
}

/* Empty arrays within claimed arrays: the sum of the claims is bounded, not each alone. */
static void test_claims_add_up(void **state)
{
    (void)state;
    enum { PER = 0xffff, ROUNDS = MESSAGE_MAX / PER + 2 };
    static char data[3 + ROUNDS * (3 + PER)];
    size_t at = 0, size;
    memcpy(data, (char[]){(char)0xdc, (char)0xff, (char)0xff}, 3);
    for (at = 3; at + 3 + PER <= sizeof(data); at += 3 + PER) {
        memcpy(data + at, (char[]){(char)0xdc, (char)0xff, (char)0xff}, 3);
        memset(data + at + 3, 0xc0, PER);
    }
    assert_int_equal(size_of(data, sizeof(data), &size), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats),       cmocka_unit_test(test_never_used),
        cmocka_unit_test(test_nesting),       cmocka_unit_test(test_lies),
        cmocka_unit_test(test_claims_add_up),
    };
    return RUN_TESTS(tests);
}
