/* What is fixed when a sandbox is made: each is prepared for one kind of run. */
#pragma once

#include <stdbool.h>

struct environment;

struct sandbox_kind {
    bool share_network;
    bool run_as_root;
    const struct environment *environment; /* NULL: the default one, the machine's own */
};

static inline bool kind_equals(const struct sandbox_kind *a, const struct sandbox_kind *b)
{
    return a->share_network == b->share_network && a->run_as_root == b->run_as_root &&
           a->environment == b->environment;
}
