/*
 * What has passed between a run and the world, in order: a text, a line for each event,
 * kept in a recording like those of stdout and stderr, and served like them.
 *
 * A line is "SECONDS WAY TEXT". What a way may take is bounded, so that a run costs bounded
 * memory whatever it says, and a flood one way leaves room for the others; what is past
 * the bound is only said to be there. The states, five lines at most, have no bound.
 */
#pragma once

#include "recording.h"

/* Text per way. Disputes are about far less; all ways together fit into one chunk. */
#define TRANSCRIPT_WAY_MAX ((size_t)256 << 10)
/* Bytes of a stream that one line shows at most. */
#define TRANSCRIPT_LINE_MAX 1024

enum transcript_way {
    TRANSCRIPT_STDIN,
    TRANSCRIPT_STDOUT,
    TRANSCRIPT_STDERR,
    TRANSCRIPT_SIGNAL,
    TRANSCRIPT_STATE,
    TRANSCRIPT_WAYS
};

struct transcript {
    struct recording *text; /* borrowed */
    uint64_t start_ns;      /* 0: not started */
    struct {
        size_t size;     /* of its lines */
        uint64_t offset; /* of a recording: what was taken of it */
        bool truncated, ended;
    } ways[TRANSCRIPT_WAYS];
};

void transcript_init(struct transcript *transcript, struct recording *text);
/* From here on time is counted. */
void transcript_start(struct transcript *transcript);

/* Bytes that went that way. */
void transcript_bytes(struct transcript *transcript, enum transcript_way way, const char *data,
                      size_t size);
/* What has come to the recording since the last call, and its end. */
void transcript_recording(struct transcript *transcript, enum transcript_way way,
                          const struct recording *recording);
/* No more goes that way; said once. */
void transcript_end(struct transcript *transcript, enum transcript_way way);
void transcript_signal(struct transcript *transcript, int signal);
void transcript_state(struct transcript *transcript, const char *text);
