/* Requests that wait: see parked.h. */
#include "parked.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct parked {
    struct list link; /* of what it waits for */
    struct list all;
    fuse_req_t request;
    struct handle *handle;
    parked_read_fn *read;   /* a read, if not NULL */
    parked_write_fn *write; /* else a write */
    size_t size, taken;
    off_t offset;
    bool registering, interrupted;
    char data[]; /* of a write */
};

static struct list everything = {&everything, &everything};
static size_t count;

/*
 * Off all lists and freed; the request is still to be answered, which takes its interrupt
 * function away: asking libfuse for that would deadlock within on_interrupt(), for it
 * calls that with the request's lock held.
 */
static fuse_req_t unpark(struct parked *parked)
{
    fuse_req_t request = parked->request;
    list_remove(&parked->link);
    list_remove(&parked->all);
    count--;
    free(parked);
    return request;
}

/* A write that got rid of something has not failed. */
static void finish(struct parked *parked, int error)
{
    size_t taken = parked->taken;
    fuse_req_t request = unpark(parked);
    if (taken > 0)
        fuse_reply_write(request, taken);
    else
        fuse_reply_err(request, error);
}

static void on_interrupt(fuse_req_t request, void *data)
{
    struct parked *parked = data;
    (void)request;
    parked->interrupted = true;
    /*
     * The interrupt may have come before the request was parked; then libfuse calls this
     * from within fuse_req_interrupt_func() and holds the request's lock: answering here
     * would free it under libfuse's hands.
     */
    if (!parked->registering)
        finish(parked, EINTR);
}

static void park(struct parked *parked, struct list *waiting)
{
    list_append(waiting, &parked->link);
    list_append(&everything, &parked->all);
    count++;
    parked->registering = true;
    fuse_req_interrupt_func(parked->request, on_interrupt, parked);
    parked->registering = false;
    if (parked->interrupted)
        finish(parked, EINTR);
}

static struct parked *parked_new(fuse_req_t request, struct handle *handle, const char *data,
                                 size_t data_size)
{
    struct parked *parked = malloc(sizeof(*parked) + data_size);
    if (!parked)
        return NULL;
    *parked = (struct parked){.request = request, .handle = handle};
    if (data_size > 0)
        memcpy(parked->data, data, data_size);
    return parked;
}

void parked_read(fuse_req_t request, struct handle *handle, parked_read_fn *read, size_t size,
                 off_t offset, bool may_wait, struct list *waiting)
{
    int r = read(handle, request, size, offset);
    if (r >= 0)
        return;
    if (r != -EAGAIN || !may_wait) {
        fuse_reply_err(request, -r);
        return;
    }
    struct parked *parked = parked_new(request, handle, NULL, 0);
    if (!parked) {
        fuse_reply_err(request, ENOMEM);
        return;
    }
    parked->read = read;
    parked->size = size;
    parked->offset = offset;
    park(parked, waiting);
}

void parked_write(fuse_req_t request, struct handle *handle, parked_write_fn *write,
                  const char *data, size_t size, bool may_wait, struct list *waiting)
{
    ssize_t n = write(handle, data, size);
    if (n < 0 && (n != -EAGAIN || !may_wait)) {
        fuse_reply_err(request, (int)-n);
        return;
    }
    size_t taken = n < 0 ? 0 : (size_t)n;
    struct parked *parked =
        taken < size && may_wait ? parked_new(request, handle, data, size) : NULL;
    /* Without memory to wait in, too, what was taken was written. */
    if (!parked && n < 0) {
        fuse_reply_err(request, ENOMEM);
        return;
    }
    if (!parked) {
        fuse_reply_write(request, taken);
        return;
    }
    parked->write = write;
    parked->size = size;
    parked->taken = taken;
    park(parked, waiting);
}

static void retry_read(struct parked *parked)
{
    int r = parked->read(parked->handle, parked->request, parked->size, parked->offset);
    if (r == -EAGAIN)
        return;
    /*
     * Answered: libfuse has let go of the request, and with it of the interrupt function.
     * One thread receives requests, so no interrupt can have come in between.
     */
    if (r < 0) {
        finish(parked, -r);
        return;
    }
    list_remove(&parked->link);
    list_remove(&parked->all);
    count--;
    free(parked);
}

static void retry_write(struct parked *parked)
{
    ssize_t n =
        parked->write(parked->handle, parked->data + parked->taken, parked->size - parked->taken);
    if (n == -EAGAIN)
        return;
    if (n > 0)
        parked->taken += (size_t)n;
    if (n < 0 || parked->taken == parked->size)
        finish(parked, (int)-n);
}

void parked_wake(struct list *waiting)
{
    list_for_each_safe (item, following, waiting) {
        struct parked *parked = container_of(item, struct parked, link);
        if (parked->read)
            retry_read(parked);
        else
            retry_write(parked);
    }
}

void parked_abort_all(int error)
{
    while (!list_is_empty(&everything))
        finish(container_of(everything.next, struct parked, all), error);
}

size_t parked_count(void)
{
    return count;
}
