/* Bytes that wait to be used up from their front. */
#pragma once

#include <stddef.h>

struct bytes {
    char *block;
    size_t start, size, capacity;
};

/* NULL where nothing ever came: C knows no NULL + 0. */
static inline char *bytes_front(const struct bytes *bytes)
{
    return bytes->block ? bytes->block + bytes->start : NULL;
}

/* Room for size more, behind those that are there: its place, or NULL. */
char *bytes_reserve(struct bytes *bytes, size_t size);
void bytes_drop(struct bytes *bytes, size_t size);
