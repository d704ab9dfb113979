/* Unit tests of messages on a byte stream: split, joined, too long. */
#include "protocol/length_prefix.h"

#include "protocol/message.h"
#include "test.h"

#include <errno.h>
#include <string.h>

static void test_the_bytes(void **state)
{
    (void)state;
    char bytes[LENGTH_SIZE];
    length_encode(0x01020384, bytes);
    assert_memory_equal(bytes, "\x01\x02\x03\x84", LENGTH_SIZE);
    length_encode(0, bytes);
    assert_memory_equal(bytes, "\0\0\0\0", LENGTH_SIZE);
}

static void test_whole_and_in_pieces(void **state)
{
    (void)state;
    static const char stream[] = "\0\0\0\3abc\0\0\0\0\0\0\0\1d";
    const char *message = NULL;
    size_t size = 0;
    for (size_t there = 0; there < LENGTH_SIZE + 3; there++)
        assert_int_equal(length_next(stream, there, &message, &size), -EAGAIN);
    assert_null(message);
    assert_int_equal(length_next(stream, sizeof(stream) - 1, &message, &size), 0);
    assert_ptr_equal(message, stream + LENGTH_SIZE);
    assert_int_equal(size, 3);
    assert_int_equal(length_next(stream + 7, sizeof(stream) - 8, &message, &size), 0);
    assert_int_equal(size, 0);
    assert_int_equal(length_next(stream + 11, sizeof(stream) - 12, &message, &size), 0);
    assert_ptr_equal(message, stream + 11 + LENGTH_SIZE);
    assert_int_equal(size, 1);
}

static void test_too_long(void **state)
{
    (void)state;
    char bytes[LENGTH_SIZE];
    const char *message;
    size_t size;
    length_encode(MESSAGE_MAX, bytes);
    assert_int_equal(length_next(bytes, sizeof(bytes), &message, &size), -EAGAIN);
    length_encode(MESSAGE_MAX + 1, bytes);
    assert_int_equal(length_next(bytes, sizeof(bytes), &message, &size), -EMSGSIZE);
    memset(bytes, 0xff, sizeof(bytes));
    assert_int_equal(length_next(bytes, sizeof(bytes), &message, &size), -EMSGSIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_bytes),
        cmocka_unit_test(test_whole_and_in_pieces),
        cmocka_unit_test(test_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
