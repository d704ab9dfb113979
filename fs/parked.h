/*
 * Requests that wait.
 *
 * A read that has nothing to give yet, or a write that has no room yet, is parked: the
 * request lies on a list of what it waits for and is tried again when that list is woken.
 * An interrupt (a signal to the process that waits) takes it off and answers EINTR, or
 * what a write has got rid of so far. Nothing else waits anywhere.
 */
#pragma once

#include "base/list.h"

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct handle;

/*
 * Answers the request and returns 0 or more; or returns a negative errno and leaves it
 * unanswered, -EAGAIN meaning: not yet.
 */
typedef int parked_read_fn(struct handle *handle, fuse_req_t request, size_t size, off_t offset);
/* The bytes taken, at least 1; or -EAGAIN: none fits; or another negative errno. */
typedef ssize_t parked_write_fn(struct handle *handle, const char *data, size_t size);

/* Tries the read, parks it on waiting if it has to wait and may. Always takes the request. */
void parked_read(fuse_req_t request, struct handle *handle, parked_read_fn *read, size_t size,
                 off_t offset, bool may_wait, struct list *waiting);
/* The same for a write; data is copied where it has to wait. */
void parked_write(fuse_req_t request, struct handle *handle, parked_write_fn *write,
                  const char *data, size_t size, bool may_wait, struct list *waiting);

/* Tries all that wait there again. */
void parked_wake(struct list *waiting);
/* Answers all requests that are parked anywhere with an error: the session ends. */
void parked_abort_all(int error);
/* How many requests are parked now. */
size_t parked_count(void);
