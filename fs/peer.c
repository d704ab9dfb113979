/* Two runs wired together: see peer.h. */
#include "peer.h"

#include "run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Kept here while the reader's pipe is full; as much as a pipe holds by itself. */
#define AHEAD_MAX ((size_t)64 << 10)

static size_t room(struct recording *output)
{
    const struct run *run = container_of(output, struct run, recordings[RUN_STDOUT]);
    size_t buffered = run->peer->input.buffered;
    return buffered < AHEAD_MAX ? AHEAD_MAX - buffered : 0;
}

/* What a reader who has gone does not take is lost, as it would be in a pipe. */
static void pass_on(struct recording *output, const char *data, size_t size)
{
    struct run *run = container_of(output, struct run, recordings[RUN_STDOUT]);
    run_write_input(run->peer, data, size);
}

static const struct recording_tap tap = {.room = room, .take = pass_on};

static void wire_output(struct run *run)
{
    run->recordings[RUN_STDOUT].tap = &tap;
    input_add_writer(&run->peer->input);
}

int peer_wire(struct run *run, struct run *other, const struct viewer *viewer)
{
    if (run == other)
        return -EINVAL;
    if (!viewer_may_change(viewer, other->uid, other->gid, other->mode))
        return -EACCES;
    if (run->state != RUN_NEW || other->state != RUN_NEW)
        return -EBUSY;
    if (run->peer_name || other->peer_name)
        return -EISCONN;
    run->peer_name = strdup(other->name);
    other->peer_name = strdup(run->name);
    if (!run->peer_name || !other->peer_name) {
        free(run->peer_name);
        free(other->peer_name);
        run->peer_name = other->peer_name = NULL;
        return -ENOMEM;
    }
    run->peer = run_ref(other);
    other->peer = run_ref(run);
    wire_output(run);
    wire_output(other);
    return 0;
}

void peer_output_ended(struct run *run)
{
    struct recording *output = &run->recordings[RUN_STDOUT];
    if (!run->peer || !output->tap)
        return;
    output->tap = NULL;
    input_remove_writer(&run->peer->input);
}

void peer_input_changed(struct run *run)
{
    struct run *writer = run->peer;
    if (!writer || !writer->recordings[RUN_STDOUT].tap)
        return;
    if (!run->input.closed && !run->input.ending) {
        recording_resume(&writer->recordings[RUN_STDOUT], run->context->loop);
        return;
    }
    /* Nobody reads any more: the writer's pipe is closed, what is in it recorded. */
    peer_output_ended(writer);
    recording_end(&writer->recordings[RUN_STDOUT]);
}

void peer_run_ended(struct run *run)
{
    struct run *other = run->peer;
    if (!other)
        return;
    run->peer = other->peer = NULL;
    run_unref(run);
    run_unref(other);
}
