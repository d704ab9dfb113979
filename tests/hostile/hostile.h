/*
 * A student who wants more than he is given: `hostile WHAT [ARGUMENT]`. Each attack says on its
 * output what it got, a line each: "NAME done", or the name of the error. What that may be is
 * the tests' business.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct attack {
    const char *name;
    int (*run)(const char *argument); /* "": none */
};

/* Up to one with no name. */
extern const struct attack call_attacks[];
extern const struct attack socket_attacks[];
extern const struct attack memory_attacks[];
extern const struct attack table_attacks[];
extern const struct attack process_attacks[];
extern const struct attack file_attacks[];

/* Below 0: errno tells. */
void tell(const char *what, long result);
