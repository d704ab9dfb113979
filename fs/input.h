/*
 * A run's standard input: what graders write, on its way into the command's pipe.
 *
 * Bytes go straight into the pipe when it has room, else (and before the run starts) into
 * a bounded buffer; past the bound the writer waits. The end of the input is given when
 * the last writer has closed, as with a FIFO. Before the start that end is only
 * pending: whoever opens it again takes it back.
 */
#pragma once

#include "base/loop.h"
#include "parked.h"

#include <stdbool.h>
#include <stdint.h>

/* How far writers may be ahead of the command (studentfs(5)). */
#define INPUT_AHEAD_MAX ((size_t)64 << 20)

enum input_end { INPUT_END_AUTO, INPUT_END_MANUAL, INPUT_END_NOW };

struct input;
typedef void input_fn(struct input *input);

struct input {
    input_fn *changed; /* there is room to write, or an error to be had */
    input_fn *ended;   /* the end was given, or nobody reads any more */
    struct watch watch;
    bool watching_room;
    int fd;             /* the pipe's end; -1 before the start and after the end */
    struct list blocks; /* what waits for room in the pipe */
    size_t buffered;    /* bytes in blocks */
    uint64_t size;      /* bytes written so far */
    unsigned writers;   /* open files */
    bool opened;        /* somebody ever opened it */
    bool ending;        /* the end follows the buffered bytes */
    bool closed;        /* the end was given, or nobody reads any more */
    bool stopped;       /* the command has ended: nothing of this changes any more */
    enum input_end mode;
    struct list waiting; /* parked writes */
};

void input_init(struct input *input, input_fn *changed, input_fn *ended);
/* Nothing may wait on it. */
void input_deinit(struct input *input);

/* The pipe to the command, which it takes, also on failure. */
int input_start(struct input *input, struct loop *loop, int fd);
/* The command has ended: writers get EPIPE. */
void input_stop(struct input *input);

void input_add_writer(struct input *input);
void input_remove_writer(struct input *input);
void input_set_end(struct input *input, enum input_end mode);

/* As parked_write_fn. -EPIPE: the end was given or nobody reads. */
ssize_t input_write(struct input *input, const char *data, size_t size);
/* Whether a write would not wait. */
bool input_is_writable(const struct input *input);
