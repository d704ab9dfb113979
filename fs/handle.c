/* An open file of the mount. */
#include "handle.h"

#include "events.h"
#include "files.h"
#include "run.h"

#include <poll.h>
#include <stdlib.h>

static struct list everything = {&everything, &everything};

struct handle *handle_new(const struct file_type *type, struct run *run, bool writer)
{
    struct handle *handle = calloc(1, sizeof(*handle));
    if (!handle)
        return NULL;
    handle->type = type;
    handle->writer = writer;
    list_init(&handle->link);
    list_append(&everything, &handle->all);
    if (run) {
        handle->run = run_ref(run);
        list_append(&run->handles, &handle->link);
    }
    return handle;
}

static void set_poll(struct handle *handle, struct fuse_pollhandle *poll)
{
    if (handle->poll)
        fuse_pollhandle_destroy(handle->poll);
    handle->poll = poll;
}

void handle_free(struct handle *handle)
{
    set_poll(handle, NULL);
    list_remove(&handle->link);
    list_remove(&handle->all);
    free(handle->text);
    free(handle->piece);
    event_reader_free(handle->events);
    struct run *run = handle->run;
    free(handle);
    if (run)
        run_unref(run);
}

void handle_free_all(void)
{
    while (!list_is_empty(&everything))
        handle_free(container_of(everything.next, struct handle, all));
}

void handle_reply_text(const struct handle *handle, fuse_req_t request, size_t size, off_t offset)
{
    size_t at = (uint64_t)offset < handle->text_size ? (size_t)offset : handle->text_size;
    size_t left = handle->text_size - at;
    fuse_reply_buf(request, handle->text + at, left < size ? left : size);
}

unsigned handle_poll(struct handle *handle, struct fuse_pollhandle *poll)
{
    const struct file_type *type = handle->type;
    unsigned ready = type->poll ? type->poll(handle) : POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM;
    set_poll(handle, poll);
    return ready;
}

void handle_notify_all(struct list *handles)
{
    list_for_each (item, handles) {
        struct handle *handle = container_of(item, struct handle, link);
        if (!handle->poll || !handle->type->poll || !handle->type->poll(handle))
            continue;
        fuse_lowlevel_notify_poll(handle->poll);
        set_poll(handle, NULL);
    }
}
