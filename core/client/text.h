/* Texts that go into messages: msgpack's str is UTF-8. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* A message holds three of them at most, and MESSAGE_MAX bytes; no command of use is longer. */
#define TEXT_MAX (2u << 20)

/* As Unicode has it: no surrogates, nothing longer than need be, nothing past U+10FFFF. */
bool text_is_utf8(const char *text, size_t size);
/* -E2BIG, -EILSEQ. NULL is fine. */
int text_check(const char *text);
