/* A run's standard input: see input.h. */
#include "input.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct block {
    struct list link;
    size_t size, sent;
    char data[];
};

void input_init(struct input *input, input_fn *changed, input_fn *ended)
{
    *input = (struct input){.changed = changed, .ended = ended, .fd = -1};
    list_init(&input->blocks);
    list_init(&input->waiting);
}

static void drop_block(struct input *input, struct block *block)
{
    input->buffered -= block->size - block->sent;
    list_remove(&block->link);
    free(block);
}

void input_deinit(struct input *input)
{
    watch_remove(&input->watch);
    fd_clear(&input->fd);
    while (!list_is_empty(&input->blocks))
        drop_block(input, container_of(input->blocks.next, struct block, link));
}

static void close_pipe(struct input *input)
{
    if (input->closed)
        return;
    input_deinit(input);
    input->closed = true;
    input->ended(input);
}

static void tell(struct input *input)
{
    parked_wake(&input->waiting);
    input->changed(input);
}

void input_stop(struct input *input)
{
    close_pipe(input);
    input->stopped = true;
    tell(input);
}

/* Sends what is buffered. False: nobody reads any more. */
static bool send_blocks(struct input *input)
{
    while (!list_is_empty(&input->blocks)) {
        struct block *block = container_of(input->blocks.next, struct block, link);
        ssize_t n = write(input->fd, block->data + block->sent, block->size - block->sent);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        block->sent += (size_t)n;
        input->buffered -= (size_t)n;
        if (block->sent == block->size)
            drop_block(input, block);
    }
    return true;
}

/* Brings the pipe and the watch in line with what is buffered. */
static void settle(struct input *input)
{
    if (input->fd < 0)
        return;
    bool reader = send_blocks(input);
    bool empty = list_is_empty(&input->blocks);
    if (!reader || (empty && input->ending)) {
        close_pipe(input);
        return;
    }
    if (input->watching_room == empty) {
        /* With no events asked for, the kernel still tells that the last reader has gone. */
        input->watching_room = !empty;
        watch_change(&input->watch, empty ? 0 : EPOLLOUT);
    }
}

static void on_pipe(struct watch *watch, uint32_t events)
{
    struct input *input = container_of(watch, struct input, watch);
    if (events & EPOLLERR)
        close_pipe(input);
    else
        settle(input);
    tell(input);
}

int input_start(struct input *input, struct loop *loop, int fd)
{
    input->fd = fd;
    int r = watch_add(loop, &input->watch, fd, 0, on_pipe);
    if (r < 0)
        close_pipe(input);
    else
        settle(input);
    return r;
}

void input_add_writer(struct input *input)
{
    input->writers++;
    input->opened |= !input->stopped;
    if (input->fd < 0 && input->mode == INPUT_END_AUTO)
        input->ending = false; /* before the start: not the end after all */
}

void input_remove_writer(struct input *input)
{
    if (--input->writers > 0 || input->mode != INPUT_END_AUTO || input->stopped)
        return;
    input->ending = true;
    settle(input);
}

void input_set_end(struct input *input, enum input_end mode)
{
    input->mode = mode;
    if (mode == INPUT_END_NOW || (mode == INPUT_END_AUTO && input->opened && input->writers == 0))
        input->ending = true;
    else if (input->fd < 0)
        input->ending = false;
    settle(input);
}

static ssize_t buffer(struct input *input, const char *data, size_t size)
{
    size_t room = INPUT_AHEAD_MAX - input->buffered;
    if (size > room)
        size = room;
    if (size == 0)
        return -EAGAIN;
    struct block *block = malloc(sizeof(*block) + size);
    if (!block)
        return -ENOMEM;
    *block = (struct block){.size = size};
    memcpy(block->data, data, size);
    list_append(&input->blocks, &block->link);
    input->buffered += size;
    return (ssize_t)size;
}

ssize_t input_write(struct input *input, const char *data, size_t size)
{
    size_t taken = 0;
    if (input->closed || input->ending)
        return -EPIPE;
    if (input->fd >= 0 && list_is_empty(&input->blocks)) {
        ssize_t n = write(input->fd, data, size);
        if (n < 0 && errno != EAGAIN)
            return -errno;
        taken = n > 0 ? (size_t)n : 0;
    }
    if (taken < size) {
        ssize_t n = buffer(input, data + taken, size - taken);
        if (n < 0 && taken == 0)
            return n;
        taken += n > 0 ? (size_t)n : 0;
    }
    input->size += taken;
    settle(input);
    return (ssize_t)taken;
}

bool input_is_writable(const struct input *input)
{
    return input->closed || input->ending || input->buffered < INPUT_AHEAD_MAX;
}
