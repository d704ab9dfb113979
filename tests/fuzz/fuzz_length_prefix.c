/* A stream of messages is taken apart the same, whole or in whatever pieces it comes. */
#include "fuzz.h"
#include "protocol/length_prefix.h"
#include "protocol/message.h"

#include <errno.h>
#include <string.h>

/* Where the stream stops to make sense: the bytes of all messages before. */
static size_t take_apart(const char *stream, size_t size, int *ret_error)
{
    size_t at = 0;
    const char *message;
    size_t length;
    while ((*ret_error = length_next(stream + at, size - at, &message, &length)) == 0) {
        CHECK(message == stream + at + LENGTH_SIZE && length <= size - at - LENGTH_SIZE);
        char prefix[LENGTH_SIZE];
        length_encode(length, prefix);
        CHECK(memcmp(prefix, stream + at, LENGTH_SIZE) == 0);
        struct message ignored;
        message_decode(message, length, &ignored);
        at += LENGTH_SIZE + length;
    }
    return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Copies of just that size: a step beyond it is seen. */
    int whole_error, piece_error = 0;
    size_t used = take_apart((const char *)data, size, &whole_error), done = 0;
    CHECK(whole_error == -EAGAIN || whole_error == -EMSGSIZE);
    for (size_t there = 0; there <= size && piece_error != -EMSGSIZE; there++) {
        char *piece = malloc(there - done + 1);
        CHECK(piece != NULL);
        memcpy(piece, data + done, there - done);
        done += take_apart(piece, there - done, &piece_error);
        free(piece);
    }
    CHECK(done == used && piece_error == whole_error);
    return 0;
}
