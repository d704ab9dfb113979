/* Texts that go into messages: msgpack's str is UTF-8. */
#pragma once

#include <stddef.h>

/* A message holds three of them at most, and MESSAGE_MAX bytes; no command of use is longer. */
#define TEXT_MAX (2u << 20)

/* -E2BIG, -EILSEQ. NULL is fine. */
int text_check(const char *text);
