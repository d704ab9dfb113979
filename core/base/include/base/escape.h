/* Bytes as a piece of one line of text, which printf(1) gives back with %b. */
#pragma once

#include <stddef.h>
#include <stdio.h>

/* What one byte may become: \xHH. */
#define ESCAPE_MAX 4

/* Writes at most ESCAPE_MAX * size bytes to out, with no NUL at the end; returns how many. */
size_t escape(const char *data, size_t size, char *out);

/*
 * The length of the character that the text begins with, where a line may have it as it is,
 * whoever reads that on a terminal; 0: it is a control character, no UTF-8, or has what follows
 * go the other way round.
 */
size_t escape_plain_length(const char *text, size_t size);

/* The text on one line of what people read, whatever it holds: what is not plain as C writes it. */
void put_escaped(FILE *out, const char *text);
