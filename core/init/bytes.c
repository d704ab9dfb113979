/* Bytes that wait. */
#include "bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int bytes_reserve(struct bytes *bytes, size_t size)
{
    if (bytes->capacity - bytes->size >= size)
        return 0;
    size_t capacity = 2 * bytes->capacity + size;
    char *data = realloc(bytes->data, capacity);
    if (!data)
        return -ENOMEM;
    bytes->data = data;
    bytes->capacity = capacity;
    return 0;
}

void bytes_drop(struct bytes *bytes, size_t size)
{
    bytes->size -= size;
    memmove(bytes->data, bytes->data + size, bytes->size);
}
