/*
 * The files of a run: one row each. Adding a file or a setting is adding a row.
 */
#pragma once

#include "handle.h"
#include "settings.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/* What is written in one go: one whole value. */
struct value {
    const char *text;
    size_t size;
    pid_t writer;
    fuse_req_t request; /* NULL where it is no write that asks for it */
};

struct file_type {
    const char *name;
    mode_t mode; /* what the file is good for; the directory's mode leaves some of it */

    /* A text: rendered whole, once per open. Returns 0 or a negative errno. */
    int (*show)(const struct file_type *type, const struct run *run, FILE *out);
    /* A value: taken whole or refused. Returns 0 or a negative errno. */
    int (*store)(const struct file_type *type, struct run *run, const struct value *value);
    bool is_command; /* only one trailing newline falls away, and it may come in pieces */
    struct setting setting;

    /* Where the above does not do. */
    parked_read_fn *read;
    parked_write_fn *write;
    int (*open)(struct handle *handle, fuse_req_t request); /* 0 or a negative errno */
    struct list *(*waiting)(const struct handle *handle);   /* where its requests are parked */
    unsigned (*poll)(const struct handle *handle);
    unsigned stream; /* which of a run's recordings */
    bool is_stream;
    bool is_input; /* its writers are counted */
};

extern const struct file_type run_files[];
extern const unsigned run_files_count;
extern const struct file_type top_files[];
extern const unsigned top_files_count;

/* The index of the name, or -ENOENT. */
int file_index(const struct file_type *files, unsigned count, const char *name);

/* A parked_read_fn for what has a show. */
int file_read_text(struct handle *handle, fuse_req_t request, size_t size, off_t offset);
/* What a read would give now, for what has a show; 0 where there is no memory for it. */
size_t file_text_size(const struct file_type *type, const struct run *run);
/* Takes what was written: a value, or a piece of a command. Returns 0 or a negative errno. */
int file_store_text(struct handle *handle, const struct value *value);
/* A descriptor was closed: what came in pieces is whole now. -EINVAL: it is not. */
int file_flush(struct handle *handle, pid_t writer);
/* The last descriptor was closed. */
void file_close(struct handle *handle);
