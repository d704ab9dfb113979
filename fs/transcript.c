/* What has passed between a run and the world: see transcript.h. */
#include "transcript.h"

#include "base/escape.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* "SECONDS WAY " and the newline: twenty digits of seconds, six of microseconds. */
#define FRAME_MAX 64

/* Taken from a recording at a time: many lines. */
#define GATHER_MAX ((size_t)64 << 10)

static const char *const way_names[TRANSCRIPT_WAYS] = {[TRANSCRIPT_STDIN] = "stdin",
                                                       [TRANSCRIPT_STDOUT] = "stdout",
                                                       [TRANSCRIPT_STDERR] = "stderr",
                                                       [TRANSCRIPT_SIGNAL] = "signal",
                                                       [TRANSCRIPT_STATE] = "state"};

void transcript_init(struct transcript *transcript, struct recording *text)
{
    *transcript = (struct transcript){.text = text};
}

void transcript_start(struct transcript *transcript)
{
    transcript->start_ns = monotonic_ns();
}

/* Returns the size of the line. */
static size_t add_line(struct transcript *transcript, const char *word, const char *data,
                       size_t size)
{
    static char line[FRAME_MAX + ESCAPE_MAX * TRANSCRIPT_LINE_MAX];
    uint64_t usec = transcript->start_ns ? (monotonic_ns() - transcript->start_ns) / NS_PER_US : 0;
    size_t n = (size_t)snprintf(line, FRAME_MAX, "%" PRIu64 ".%06" PRIu64 " %s ", usec / 1000000,
                                usec % 1000000, word);
    n += escape(data, size, line + n);
    line[n++] = '\n';
    recording_append(transcript->text, line, n);
    return n;
}

/* False: this way has no room left. */
static bool add(struct transcript *transcript, enum transcript_way way, const char *data,
                size_t size)
{
    if (transcript->ways[way].truncated)
        return false;
    if (transcript->ways[way].size >= TRANSCRIPT_WAY_MAX) {
        transcript->ways[way].truncated = true;
        add_line(transcript, "truncated", way_names[way], strlen(way_names[way]));
        return false;
    }
    transcript->ways[way].size += add_line(transcript, way_names[way], data, size);
    return true;
}

void transcript_bytes(struct transcript *transcript, enum transcript_way way, const char *data,
                      size_t size)
{
    while (size > 0) {
        size_t n = size < TRANSCRIPT_LINE_MAX ? size : TRANSCRIPT_LINE_MAX;
        const char *newline = memchr(data, '\n', n);
        if (newline)
            n = (size_t)(newline - data) + 1;
        if (!add(transcript, way, data, n))
            return;
        data += n;
        size -= n;
    }
    recording_tell(transcript->text);
}

void transcript_end(struct transcript *transcript, enum transcript_way way)
{
    if (transcript->ways[way].ended)
        return;
    transcript->ways[way].ended = true;
    add_line(transcript, "end", way_names[way], strlen(way_names[way]));
    recording_tell(transcript->text);
}

/*
 * What lies at the offset, in one piece though it may lie in several, and where there is
 * more than that, up to the end of a line.
 */
static size_t gather(const struct recording *recording, uint64_t offset, char buffer[GATHER_MAX])
{
    size_t n = 0;
    while (n < GATHER_MAX && offset + n < recording->size) {
        size_t size;
        const char *data = recording_at(recording, offset + n, &size);
        size = size < GATHER_MAX - n ? size : GATHER_MAX - n;
        memcpy(buffer + n, data, size);
        n += size;
    }
    const char *newline = n == GATHER_MAX ? memrchr(buffer, '\n', n) : NULL;
    return newline ? (size_t)(newline - buffer) + 1 : n;
}

void transcript_recording(struct transcript *transcript, enum transcript_way way,
                          const struct recording *recording)
{
    static char buffer[GATHER_MAX];
    uint64_t *offset = &transcript->ways[way].offset;
    while (*offset < recording->size && !transcript->ways[way].truncated) {
        size_t size = gather(recording, *offset, buffer);
        transcript_bytes(transcript, way, buffer, size);
        *offset += size;
    }
    if (recording->ended)
        transcript_end(transcript, way);
}

void transcript_signal(struct transcript *transcript, int signal)
{
    char number[16];
    const char *name = sigabbrev_np(signal);
    snprintf(number, sizeof(number), "%d", signal);
    name = name ? name : number;
    if (add(transcript, TRANSCRIPT_SIGNAL, name, strlen(name)))
        recording_tell(transcript->text);
}

void transcript_state(struct transcript *transcript, const char *text)
{
    size_t size = strlen(text);
    add_line(transcript, way_names[TRANSCRIPT_STATE], text,
             size < TRANSCRIPT_LINE_MAX ? size : TRANSCRIPT_LINE_MAX);
    recording_tell(transcript->text);
}
