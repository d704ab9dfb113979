/* Numbers as people write them into files and on command lines. */
#pragma once

#include <stdint.h>

/*
 * The decimal number that is all of text, written only on success. -EINVAL: no such
 * number (signs, spaces and an empty text included); -ERANGE: not within min..max.
 */
int number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *ret_number);
