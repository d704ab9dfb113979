/* How far a msgpack value reaches. */
#include "protocol/msgpack_frame.h"

#include "protocol/message.h"

#include <errno.h>
#include <stdint.h>

/* Each format's header: bytes of length that follow, fixed bytes after those, elements per length.
 */
struct format {
    unsigned char first, last;
    unsigned char length_bytes; /* big-endian, after the first byte */
    unsigned char fixed;        /* bytes after it, whatever the length says */
    unsigned char inline_mask;  /* length inside the first byte */
    unsigned char bytes_per;    /* bytes of body per length */
    unsigned char values_per;   /* values of body per length */
};

/* https://github.com/msgpack/msgpack/blob/master/spec.md#formats; 0xc1 is never used. */
static const struct format formats[] = {
    {.first = 0x00, .last = 0x7f},                                       /* positive fixint */
    {.first = 0x80, .last = 0x8f, .inline_mask = 0x0f, .values_per = 2}, /* fixmap */
    {.first = 0x90, .last = 0x9f, .inline_mask = 0x0f, .values_per = 1}, /* fixarray */
    {.first = 0xa0, .last = 0xbf, .inline_mask = 0x1f, .bytes_per = 1},  /* fixstr */
    {.first = 0xc0, .last = 0xc0},                                       /* nil */
    {.first = 0xc2, .last = 0xc3},                                       /* false, true */
    {.first = 0xc4, .last = 0xc4, .length_bytes = 1, .bytes_per = 1},    /* bin 8 */
    {.first = 0xc5, .last = 0xc5, .length_bytes = 2, .bytes_per = 1},    /* bin 16 */
    {.first = 0xc6, .last = 0xc6, .length_bytes = 4, .bytes_per = 1},    /* bin 32 */
    {.first = 0xc7, .last = 0xc7, .length_bytes = 1, .fixed = 1, .bytes_per = 1}, /* ext 8 */
    {.first = 0xc8, .last = 0xc8, .length_bytes = 2, .fixed = 1, .bytes_per = 1}, /* ext 16 */
    {.first = 0xc9, .last = 0xc9, .length_bytes = 4, .fixed = 1, .bytes_per = 1}, /* ext 32 */
    {.first = 0xca, .last = 0xca, .fixed = 4},                                    /* float 32 */
    {.first = 0xcb, .last = 0xcb, .fixed = 8},                                    /* float 64 */
    {.first = 0xcc, .last = 0xcc, .fixed = 1},                                    /* uint 8 */
    {.first = 0xcd, .last = 0xcd, .fixed = 2},                                    /* uint 16 */
    {.first = 0xce, .last = 0xce, .fixed = 4},                                    /* uint 32 */
    {.first = 0xcf, .last = 0xcf, .fixed = 8},                                    /* uint 64 */
    {.first = 0xd0, .last = 0xd0, .fixed = 1},                                    /* int 8 */
    {.first = 0xd1, .last = 0xd1, .fixed = 2},                                    /* int 16 */
    {.first = 0xd2, .last = 0xd2, .fixed = 4},                                    /* int 32 */
    {.first = 0xd3, .last = 0xd3, .fixed = 8},                                    /* int 64 */
    {.first = 0xd4, .last = 0xd4, .fixed = 2},                                    /* fixext 1 */
    {.first = 0xd5, .last = 0xd5, .fixed = 3},                                    /* fixext 2 */
    {.first = 0xd6, .last = 0xd6, .fixed = 5},                                    /* fixext 4 */
    {.first = 0xd7, .last = 0xd7, .fixed = 9},                                    /* fixext 8 */
    {.first = 0xd8, .last = 0xd8, .fixed = 17},                                   /* fixext 16 */
    {.first = 0xd9, .last = 0xd9, .length_bytes = 1, .bytes_per = 1},             /* str 8 */
    {.first = 0xda, .last = 0xda, .length_bytes = 2, .bytes_per = 1},             /* str 16 */
    {.first = 0xdb, .last = 0xdb, .length_bytes = 4, .bytes_per = 1},             /* str 32 */
    {.first = 0xdc, .last = 0xdc, .length_bytes = 2, .values_per = 1},            /* array 16 */
    {.first = 0xdd, .last = 0xdd, .length_bytes = 4, .values_per = 1},            /* array 32 */
    {.first = 0xde, .last = 0xde, .length_bytes = 2, .values_per = 2},            /* map 16 */
    {.first = 0xdf, .last = 0xdf, .length_bytes = 4, .values_per = 2},            /* map 32 */
    {.first = 0xe0, .last = 0xff}, /* negative fixint */
};

static const struct format *format_of(unsigned char byte)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (byte >= formats[i].first && byte <= formats[i].last)
            return &formats[i];
    return NULL;
}

int msgpack_frame_size(const void *data, size_t size, size_t *ret_size)
{
    const unsigned char *bytes = data;
    uint64_t left[MSGPACK_DEPTH_MAX + 1] = {1}; /* values still to come, per level */
    size_t depth = 0, at = 0;
    uint64_t values = 1; /* claimed so far; each takes a byte at least */
    for (;;) {
        while (left[depth] == 0) {
            if (depth == 0) {
                *ret_size = at;
                return 0;
            }
            depth--;
        }
        if (at >= size)
            return -EAGAIN;
        const struct format *format = format_of(bytes[at]);
        if (!format)
            return -EBADMSG;
        uint64_t length = bytes[at] & format->inline_mask;
        if (size - at <= format->length_bytes)
            return -EAGAIN;
        for (unsigned i = 0; i < format->length_bytes; i++)
            length = length << 8 | bytes[at + 1 + i];
        uint64_t body = format->length_bytes + (uint64_t)format->fixed + length * format->bytes_per;
        values += length * format->values_per;
        if (at + 1 + body > MESSAGE_MAX || values > MESSAGE_MAX)
            return -EBADMSG;
        if (size - at - 1 < body)
            return -EAGAIN;
        at += 1 + (size_t)body;
        left[depth]--;
        if (format->values_per && length > 0) {
            if (++depth > MSGPACK_DEPTH_MAX)
                return -EBADMSG;
            left[depth] = length * format->values_per;
        }
    }
}
