/* Bytes as a piece of one line of text, which printf(1) gives back with %b. */
#pragma once

#include <stddef.h>

/* What one byte may become: \xHH. */
#define ESCAPE_MAX 4

/* Writes at most ESCAPE_MAX * size bytes to out, with no NUL at the end; returns how many. */
size_t escape(const char *data, size_t size, char *out);
