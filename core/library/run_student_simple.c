/*
 * run_student_simple(): bytes in, bytes and the return value out.
 *
 * Three pipes, all of them on the call's loop: nothing is written or read but when it can be,
 * so that neither side waits for the other, whatever the command reads and writes and when.
 */
#include "base/cleanup.h"
#include "base/student.h"
#include "call.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PIPE_SIZE      (1 << 20) /* what an ordinary process may ask for */
#define READ_MIN       65536
#define OUTPUT_DEFAULT (UINT64_C(1) << 30)

struct source {
    struct watch watch;
    int fd;
    const char *data;
    size_t size;
};

struct sink {
    struct watch watch;
    int fd;
    char *data;
    size_t size, capacity;
    uint64_t limit;
    bool is_truncated;
    int error; /* -ENOMEM */
};

struct simple {
    struct call call;
    struct source input;
    struct sink sinks[2];
};

/* --- pipes --- */

static int make_pipes(struct simple *simple, bool fuse, int ret_fds[3])
{
    int r = student_pipe(1, PIPE_SIZE, &simple->input.fd, &ret_fds[0]);
    if (r == 0)
        r = student_pipe(0, PIPE_SIZE, &simple->sinks[0].fd, &ret_fds[1]);
    if (r == 0 && fuse)
        ret_fds[2] = ret_fds[1];
    else if (r == 0)
        r = student_pipe(0, PIPE_SIZE, &simple->sinks[1].fd, &ret_fds[2]);
    return r;
}

static void close_student_fds(int fds[3])
{
    if (fds[2] == fds[1])
        fds[2] = -1;
    for (int i = 0; i < 3; i++)
        fd_clear(&fds[i]);
}

/* --- input --- */

static void close_input(struct source *input)
{
    watch_remove(&input->watch);
    fd_clear(&input->fd);
}

static void on_input(struct watch *watch, uint32_t events)
{
    (void)events;
    struct source *input = container_of(watch, struct source, watch);
    ssize_t n = input->size > 0 ? write(input->fd, input->data, input->size) : 0;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0) {
        input->data += n;
        input->size -= (size_t)n;
    }
    /* The end, or nobody reads any more. */
    if (n < 0 || input->size == 0)
        close_input(input);
}

/* --- output --- */

/* One byte more than is asked for: a NUL goes behind the last. */
static int make_room(struct sink *sink)
{
    if (sink->capacity - sink->size > READ_MIN)
        return 0;
    size_t capacity = 2 * sink->capacity + 2 * READ_MIN;
    char *data = realloc(sink->data, capacity);
    if (!data)
        return -ENOMEM;
    sink->data = data;
    sink->capacity = capacity;
    return 0;
}

/* Returns whether there may be more. */
static bool read_some(struct sink *sink)
{
    char dropped[READ_MIN];
    bool is_full = sink->error || sink->size >= sink->limit;
    if (!is_full && (sink->error = make_room(sink)) < 0)
        is_full = true;
    size_t room = is_full ? sizeof(dropped) : sink->capacity - sink->size - 1;
    if (!is_full && room > sink->limit - sink->size)
        room = (size_t)(sink->limit - sink->size);
    ssize_t n = read(sink->fd, is_full ? dropped : sink->data + sink->size, room);
    if (n < 0 && errno == EINTR)
        return true;
    if (n > 0 && is_full)
        sink->is_truncated = true;
    else if (n > 0)
        sink->size += (size_t)n;
    if (n == 0) {
        watch_remove(&sink->watch);
        fd_clear(&sink->fd);
    }
    return n > 0;
}

static void on_output(struct watch *watch, uint32_t events)
{
    (void)events;
    read_some(container_of(watch, struct sink, watch));
}

/*
 * What is in the pipes when the run has ended is all there will be: its processes are gone. Who
 * else has got a descriptor in the meantime is not waited for.
 */
static void drain(struct sink *sink)
{
    size_t bound = sink->size + 2 * (size_t)PIPE_SIZE;
    while (sink->fd >= 0 && sink->size < bound && read_some(sink))
        ;
}

static int watch_pipes(struct simple *simple)
{
    struct loop *loop = &simple->call.loop;
    int r = watch_add(loop, &simple->input.watch, simple->input.fd, EPOLLOUT, on_input);
    for (int i = 0; i < 2 && r == 0; i++)
        if (simple->sinks[i].fd >= 0)
            r = watch_add(loop, &simple->sinks[i].watch, simple->sinks[i].fd, EPOLLIN, on_output);
    return r;
}

/* --- the whole --- */

static int start(struct simple *simple, const struct studentrun_request *request,
                 const struct studentrun_input *input)
{
    int fds[3] = {-1, -1, -1};
    int r = make_pipes(simple, input->stdout_err_fuse, fds);
    if (r == 0)
        r = watch_pipes(simple);
    if (r == 0)
        r = call_start(&simple->call, request, fds);
    if (r < 0 && !simple->call.run)
        close_student_fds(fds);
    return r;
}

/* Gives the text away, terminated. */
static int take_text(struct sink *sink, char **ret_text, size_t *ret_size)
{
    if (sink->error == 0 && !sink->data)
        sink->error = make_room(sink);
    if (sink->error < 0 || !sink->data)
        return -ENOMEM;
    sink->data[sink->size] = 0;
    *ret_text = sink->data;
    *ret_size = sink->size;
    sink->data = NULL;
    return 0;
}

static int finish(struct simple *simple, struct studentrun_output *ret_output)
{
    struct studentrun_output output = {0};
    close_input(&simple->input);
    for (int i = 0; i < 2; i++) {
        drain(&simple->sinks[i]);
        output.is_truncated = output.is_truncated || simple->sinks[i].is_truncated;
    }
    int r = take_text(&simple->sinks[0], &output.out, &output.out_size);
    if (r == 0)
        r = take_text(&simple->sinks[1], &output.err, &output.err_size);
    if (r < 0) {
        free(output.out);
        return r;
    }
    call_tell(&simple->call, &output.result);
    *ret_output = output;
    return output.result.retval;
}

int run_student_simple(const struct studentrun_request *request,
                       const struct studentrun_input *input, const struct studentrun_call *call,
                       struct studentrun_output *ret_output)
{
    static const struct studentrun_input nothing;
    input = input ? input : &nothing;
    uint64_t limit = input->output_limit ? input->output_limit : OUTPUT_DEFAULT;
    struct simple simple = {.input = {.fd = -1, .data = input->data, .size = input->size},
                            .sinks = {{.fd = -1, .limit = limit}, {.fd = -1, .limit = limit}}};
    int r = call_open(&simple.call, call);
    if (r == 0)
        r = start(&simple, request, input);
    if (r == 0) {
        call_wait(&simple.call);
        r = finish(&simple, ret_output);
    }
    close_input(&simple.input);
    for (int i = 0; i < 2; i++) {
        watch_remove(&simple.sinks[i].watch);
        fd_clear(&simple.sinks[i].fd);
        free(simple.sinks[i].data);
    }
    call_close(&simple.call);
    return r;
}

void studentrun_output_free(struct studentrun_output *output)
{
    free(output->out);
    free(output->err);
    output->out = output->err = NULL;
}
