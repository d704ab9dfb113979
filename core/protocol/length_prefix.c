/* Messages on a byte stream. */
#include "protocol/length_prefix.h"

#include "protocol/message.h"

#include <errno.h>

void length_encode(size_t length, char ret_bytes[LENGTH_SIZE])
{
    for (int i = 0; i < LENGTH_SIZE; i++)
        ret_bytes[i] = (char)(length >> (8 * (LENGTH_SIZE - 1 - i)) & 0xff);
}

int length_next(const char *data, size_t size, const char **ret_message, size_t *ret_size)
{
    size_t length = 0;
    if (size < LENGTH_SIZE)
        return -EAGAIN;
    for (int i = 0; i < LENGTH_SIZE; i++)
        length = length << 8 | (unsigned char)data[i];
    if (length > MESSAGE_MAX)
        return -EMSGSIZE;
    if (size - LENGTH_SIZE < length)
        return -EAGAIN;
    *ret_message = data + LENGTH_SIZE;
    *ret_size = length;
    return 0;
}
