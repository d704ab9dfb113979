/* UTF-8 as Unicode has it: no surrogates, nothing longer than need be, nothing past U+10FFFF. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

bool utf8_is_valid(const char *text, size_t size);
/* Puts a question mark in place of each byte that is no part of a character: what others cut or
 * wrote can then be sent as msgpack's str. */
void utf8_mend(char *text);
