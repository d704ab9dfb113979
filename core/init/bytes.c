/* Bytes that wait. */
#include "bytes.h"

#include <stdlib.h>
#include <string.h>

/* Moved to the front of the block only when its end is reached: not once for each piece used. */
char *bytes_reserve(struct bytes *bytes, size_t size)
{
    if (bytes->start + bytes->size + size > bytes->capacity && bytes->start > 0) {
        memmove(bytes->block, bytes_front(bytes), bytes->size);
        bytes->start = 0;
    }
    if (bytes->size + size > bytes->capacity) {
        size_t capacity = 2 * bytes->capacity + size;
        char *block = realloc(bytes->block, capacity);
        if (!block)
            return NULL;
        bytes->block = block;
        bytes->capacity = capacity;
    }
    return bytes_front(bytes) + bytes->size;
}

void bytes_drop(struct bytes *bytes, size_t size)
{
    bytes->size -= size;
    bytes->start = bytes->size > 0 ? bytes->start + size : 0;
}
