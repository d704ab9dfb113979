/* Bytes that wait to be used up from their front. */
#pragma once

#include <stddef.h>

struct bytes {
    char *data;
    size_t size, capacity;
};

/* Room for size more, at data + size. -ENOMEM. */
int bytes_reserve(struct bytes *bytes, size_t size);
void bytes_drop(struct bytes *bytes, size_t size);
