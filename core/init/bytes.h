/* Bytes that wait to be used up from their front. */
#pragma once

#include <stddef.h>

struct bytes {
    char *block;
    size_t start, size, capacity;
};

static inline char *bytes_front(const struct bytes *bytes)
{
    return bytes->block + bytes->start;
}

/* Room for size more, behind those that are there: its place, or NULL. */
char *bytes_reserve(struct bytes *bytes, size_t size);
void bytes_drop(struct bytes *bytes, size_t size);
