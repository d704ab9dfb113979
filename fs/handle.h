/* An open file of the mount. */
#pragma once

#include "parked.h"

#include <stdbool.h>

struct run;
struct file_type;
struct event_reader;

struct handle {
    struct list link; /* of the run's handles, or of the readers of `events` */
    struct list all;
    const struct file_type *type;
    struct run *run; /* a reference; NULL for a file at the top */
    char *text;      /* rendered once, by the first read */
    size_t text_size;
    char *piece; /* of a command that is not complete yet */
    size_t piece_size;
    off_t position;              /* after the last read: what poll asks about */
    struct event_reader *events; /* of `events` */
    bool writer;
    struct fuse_pollhandle *poll; /* somebody polls and was told: not yet */
};

struct handle *handle_new(const struct file_type *type, struct run *run, bool writer);
void handle_free(struct handle *handle);
/* Those that are still open: no release comes after the session's end. */
void handle_free_all(void);

/* The text from the offset on. Always answers. */
void handle_reply_text(const struct handle *handle, fuse_req_t request, size_t size, off_t offset);

/* Poll: the events that are there; remembers poll, which it takes, where there are none. */
unsigned handle_poll(struct handle *handle, struct fuse_pollhandle *poll);
/* Wakes those that poll on what is ready now. */
void handle_notify_all(struct list *handles);
