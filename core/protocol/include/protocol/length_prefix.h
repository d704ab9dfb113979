/*
 * Messages on a byte stream (section 2 of the protocol): each is preceded by its length, four
 * bytes, big-endian.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define LENGTH_SIZE 4

void length_encode(size_t length, char ret_bytes[LENGTH_SIZE]);

/*
 * The message at the start of data, which is all there, and is not decoded: where it begins
 * and its size, which is at most MESSAGE_MAX. -EAGAIN: it is not complete yet; -EMSGSIZE: it
 * claims to be longer, and where the next one begins is not known.
 */
int length_next(const char *data, size_t size, const char **ret_message, size_t *ret_size);
