/*
 * Commands: text to words, as a POSIX shell splits them: quotes and backslashes, no
 * expansion of any kind, and # starts no comment (section 7.5 of the protocol).
 */
#pragma once

#include <stddef.h>

/*
 * Splits size bytes into words. *ret_words is a NULL-terminated array in one block with
 * its words: free() it. There may be none. -EAGAIN: a quote is open or the text ends in
 * a backslash; -EINVAL: a NUL byte; -ENOMEM.
 */
int words_split(const char *text, size_t size, char ***ret_words);
