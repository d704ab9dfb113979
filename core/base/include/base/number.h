/* Numbers as people write them into files and on command lines. */
#pragma once

#include <stdint.h>

#define NUMBER_USEC_PER_S UINT64_C(1000000)

/*
 * The decimal number that is all of text, written only on success. -EINVAL: no such
 * number (signs, spaces and an empty text included); -ERANGE: not within min..max.
 */
int number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *ret_number);

/*
 * The same for seconds, which may have a fraction after a point ("0.5", ".5", "2"): in
 * microseconds, rounded up, so that what is not nothing never becomes 0. max is in microseconds.
 */
int number_parse_seconds(const char *text, uint64_t max, uint64_t *ret_usec);
