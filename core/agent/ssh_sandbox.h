/* The sandbox of an ssh server, as an invocation of bubblewrap: libraries and nothing else. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* As bwrap_arguments(). As root there is no user namespace, and the server becomes its user. */
int ssh_sandbox_arguments(const char *program, bool is_root, char **ret_words, size_t *ret_size);
