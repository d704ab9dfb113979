/* What the programs do alike as processes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Blocks SIGTERM, SIGINT and SIGHUP for this and all later threads and gives a descriptor
 * (close-on-exec, non-blocking) from which they are read; ignores SIGPIPE. Call it before
 * ZeroMQ makes its threads, which would take the signals otherwise. A negative errno on failure.
 */
int process_open_end_signals(void);

/* As many descriptors as the hard limit allows. Children inherit it. */
void process_raise_descriptor_limit(void);

/*
 * The first of places, paths relative to the directory of this program's own file, that can be
 * executed: beside it in a build, elsewhere when installed. -ENOENT: none.
 */
int process_find_program(const char *const *places, size_t n_places, char *ret_path, size_t size);

/* Whether a program of that name is found by PATH. */
bool process_is_in_path(const char *name);
