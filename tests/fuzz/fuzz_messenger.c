/*
 * The stream of messages as init takes it in the place of INGInious's own: a command or what is
 * wrong, then input for it and signals, none of which is none. What is kept is no more than came.
 */
#include "base/cleanup.h"
#include "fuzz.h"
#include "messenger.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#define STREAM_MAX 65536 /* what a pipe takes with no reader */

static void serve(struct messenger *messenger, size_t size)
{
    while (messenger->in >= 0) {
        struct pollfd fds[MESSENGER_FDS];
        messenger_watch(messenger, fds);
        poll(fds, MESSENGER_FDS, 0);
        if (messenger_work(messenger, fds) < 0)
            return;
        for (int signal; (signal = messenger_next_signal(messenger)) > 0;)
            CHECK(signal <= SIGNAL_MAX);
        CHECK(messenger->received.size + messenger->input.size <= size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int in[2], out[2], fds[HANDOVER_FDS] = {-1, -1, -1};
    struct messenger messenger;
    struct message_run_student_command command;
    if (size > STREAM_MAX)
        return 0;
    CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
    CHECK(write(in[1], data, size) == (ssize_t)size);
    close(in[1]);
    messenger_open(&messenger, in[0], out[1]);
    int r = messenger_take_command(&messenger, UINT64_MAX, &command, fds);
    if (r == 0)
        serve(&messenger, size);
    else
        CHECK(r == -EPIPE || r == -EBADMSG || r == -ENOMEM);
    for (int i = 0; i < HANDOVER_FDS; i++)
        fd_clear(&fds[i]);
    messenger_close(&messenger);
    close(out[0]);
    return 0;
}
