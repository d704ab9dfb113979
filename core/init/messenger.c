/* Message mode, spoken by init itself. */
#include "messenger.h"

#include "base/cleanup.h"
#include "child.h"
#include "control.h"
#include "protocol/length_prefix.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define READ_SIZE (64 << 10)
/* Input that the command has not taken: as many blocks as a grader's 16 MB are. */
#define INPUT_MAX ((size_t)32 * BLOCK_MAX)

enum { IN = STDIN_FILENO, OUT = STDOUT_FILENO, ERR = STDERR_FILENO };
/* Of the descriptors that are watched: the stream's, then the pipes. */
enum { WATCH_IN, WATCH_OUT, WATCH_PIPES };

void messenger_open(struct messenger *messenger, int in, int out)
{
    *messenger = (struct messenger){.in = in, .out = out, .pipes = {-1, -1, -1}};
    for (int i = 0; i < 2 && in >= 0; i++)
        fcntl(i ? in : out, F_SETFL, fcntl(i ? in : out, F_GETFL) | O_NONBLOCK);
}

void messenger_close(struct messenger *messenger)
{
    fd_clear(&messenger->in);
    fd_clear(&messenger->out);
    for (int i = 0; i < HANDOVER_FDS; i++)
        fd_clear(&messenger->pipes[i]);
    free(messenger->command);
    free(messenger->received.block);
    free(messenger->input.block);
    free(messenger->sending.block);
}

bool messenger_is_open(const struct messenger *messenger)
{
    return messenger->out >= 0;
}

/* --- what comes --- */

/* Returns what read() does, or a negative errno. */
static ssize_t receive(struct messenger *messenger)
{
    char *room = bytes_reserve(&messenger->received, READ_SIZE);
    if (!room)
        return -ENOMEM;
    ssize_t n = read(messenger->in, room, READ_SIZE);
    if (n < 0)
        return -errno;
    messenger->received.size += (size_t)n;
    return n;
}

/* Nothing more comes: the command's input has its end after what there is. */
static void end_of_messages(struct messenger *messenger)
{
    fd_clear(&messenger->in);
    messenger->input_ends = true;
}

static void keep_input(struct messenger *messenger, const struct message_block *block)
{
    size_t size = block->message.size;
    if (messenger->pipes[IN] < 0 || messenger->input_ends)
        return;
    char *room = size > 0 ? bytes_reserve(&messenger->input, size) : NULL;
    if (size > 0 && !room) {
        messenger->input_ends = true; /* rather an end than a gap */
        return;
    }
    if (room)
        memcpy(room, block->message.data, size);
    messenger->input.size += size;
    messenger->input_ends = block->eof;
}

static int signal_of(const struct message *message)
{
    const struct text *digits = &message->student_signal.signal_data;
    int signal = digits->size == SIGNAL_SIZE ? signal_decode(digits->data) : 0;
    return signal > 0 ? signal : 0;
}

/* -EAGAIN: there is no whole message; else the signal that it was, or 0. */
static int take_apart(struct messenger *messenger)
{
    struct message message;
    const char *data;
    size_t size;
    int signal = 0;
    int r = length_next(bytes_front(&messenger->received), messenger->received.size, &data, &size);
    if (r == -EMSGSIZE)
        end_of_messages(messenger);
    if (r < 0)
        return -EAGAIN;
    /* What is no message is passed over: the length before it tells where the next begins. */
    if (message_decode(data, size, &message) == 0) {
        if (message.type == MESSAGE_STDIN)
            keep_input(messenger, &message.block);
        else if (message.type == MESSAGE_STUDENT_SIGNAL)
            signal = signal_of(&message);
    }
    bytes_drop(&messenger->received, LENGTH_SIZE + size);
    return signal;
}

int messenger_next_signal(struct messenger *messenger)
{
    int signal;
    do
        signal = take_apart(messenger);
    while (signal == 0);
    return signal > 0 ? signal : 0;
}

static bool has_room(const struct messenger *messenger)
{
    return messenger->input.size < INPUT_MAX;
}

/* --- the command --- */

static int make_pipes(struct messenger *messenger, int ret_fds[HANDOVER_FDS])
{
    for (int i = 0; i < HANDOVER_FDS; i++) {
        int fds[2], ours = i == IN;
        if (pipe2(fds, O_CLOEXEC) < 0)
            return -errno;
        messenger->pipes[i] = fds[ours];
        ret_fds[i] = fds[!ours];
        fcntl(messenger->pipes[i], F_SETFL, O_NONBLOCK);
        /* So that the student may open them by their names. */
        if (fchown(ret_fds[i], STUDENT_ID, STUDENT_ID) < 0 && geteuid() == 0)
            return -errno;
    }
    return 0;
}

/* A copy, which stays; what comes behind it may be input already. */
static int take_first(struct messenger *messenger, struct message_run_student_command *ret_command)
{
    struct message message;
    const char *data;
    size_t size;
    int r = length_next(bytes_front(&messenger->received), messenger->received.size, &data, &size);
    if (r < 0)
        return r == -EAGAIN ? r : -EBADMSG;
    messenger->command = malloc(size + 1);
    if (!messenger->command)
        return -ENOMEM;
    memcpy(messenger->command, data, size);
    bytes_drop(&messenger->received, LENGTH_SIZE + size);
    if (message_decode(messenger->command, size, &message) < 0 ||
        (message.type != MESSAGE_RUN_STUDENT_INIT && message.type != MESSAGE_RUN_STUDENT_COMMAND))
        return -EBADMSG;
    *ret_command = message.run_student_command;
    messenger->socket_id = message.run_student_command.socket_id;
    return 0;
}

int messenger_take_command(struct messenger *messenger, uint64_t deadline,
                           struct message_run_student_command *ret_command,
                           int ret_fds[HANDOVER_FDS])
{
    int r;
    while ((r = take_first(messenger, ret_command)) == -EAGAIN) {
        r = control_wait(messenger->in, deadline);
        if (r < 0)
            return r;
        ssize_t n = receive(messenger);
        if (n <= 0 && n != -EAGAIN && n != -EINTR)
            return n == -ENOMEM ? -ENOMEM : -EPIPE;
    }
    return r < 0 ? r : make_pipes(messenger, ret_fds);
}

/* --- what goes --- */

static int frame_block(struct messenger *messenger, int from, const char *block, size_t size)
{
    const struct message message = {
        .type = from == OUT ? MESSAGE_STDOUT : MESSAGE_STDERR,
        .block = {.socket_id = messenger->socket_id, .message = {block, size}}};
    struct bytes *sending = &messenger->sending;
    _cleanup_free_ char *bytes = NULL;
    size_t n = 0;
    if (message_encode(&message, &bytes, &n) < 0)
        return -ENOMEM;
    char *room = bytes_reserve(sending, LENGTH_SIZE + n);
    if (!room)
        return -ENOMEM;
    length_encode(n, room);
    memcpy(room + LENGTH_SIZE, bytes, n);
    sending->size = LENGTH_SIZE + n;
    return 0;
}

/* One block, where none is on its way. */
static int take_output(struct messenger *messenger, int from)
{
    static char block[BLOCK_MAX];
    if (messenger->sending.size > 0)
        return 0;
    ssize_t n = read(messenger->pipes[from], block, sizeof(block));
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        fd_clear(&messenger->pipes[from]);
    messenger->turn = from;
    return n > 0 ? frame_block(messenger, from, block, (size_t)n) : 0;
}

static int send_output(struct messenger *messenger)
{
    ssize_t n = write(messenger->out, bytes_front(&messenger->sending), messenger->sending.size);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        return -EPIPE;
    if (n > 0)
        bytes_drop(&messenger->sending, (size_t)n);
    return 0;
}

static void give_input(struct messenger *messenger)
{
    struct bytes *input = &messenger->input;
    ssize_t n = input->size > 0 ? write(messenger->pipes[IN], bytes_front(input), input->size) : 0;
    bool is_closed = n < 0 && errno != EAGAIN && errno != EINTR;
    if (n > 0)
        bytes_drop(input, (size_t)n);
    if (is_closed)
        input->size = 0;
    if (is_closed || (input->size == 0 && messenger->input_ends))
        fd_clear(&messenger->pipes[IN]);
}

/* --- the loop's side --- */

void messenger_watch(const struct messenger *messenger, struct pollfd ret_fds[MESSENGER_FDS])
{
    const int *pipes = messenger->pipes;
    bool is_sending = messenger->sending.size > 0;
    bool has_input = messenger->input.size > 0 || messenger->input_ends;
    /* With no events asked for it tells that nobody reads any more. */
    ret_fds[WATCH_OUT] = (struct pollfd){.fd = messenger->out, .events = is_sending ? POLLOUT : 0};
    ret_fds[WATCH_IN] =
        (struct pollfd){.fd = has_room(messenger) ? messenger->in : -1, .events = POLLIN};
    ret_fds[WATCH_PIPES + IN] =
        (struct pollfd){.fd = has_input ? pipes[IN] : -1, .events = POLLOUT};
    for (int i = OUT; i <= ERR; i++)
        ret_fds[WATCH_PIPES + i] =
            (struct pollfd){.fd = is_sending ? -1 : pipes[i], .events = POLLIN};
}

int messenger_work(struct messenger *messenger, const struct pollfd fds[MESSENGER_FDS])
{
    int r = 0;
    if (fds[WATCH_IN].fd >= 0 && fds[WATCH_IN].revents) {
        ssize_t n = receive(messenger);
        if (n <= 0 && n != -EAGAIN && n != -EINTR)
            end_of_messages(messenger);
    }
    if (fds[WATCH_PIPES + IN].fd >= 0 && fds[WATCH_PIPES + IN].revents)
        give_input(messenger);
    if (fds[WATCH_OUT].fd >= 0 && fds[WATCH_OUT].revents)
        r = fds[WATCH_OUT].revents & (POLLERR | POLLHUP | POLLNVAL) ? -EPIPE
                                                                    : send_output(messenger);
    for (int i = 0; i < 2 && r == 0; i++) {
        int from = (messenger->turn == OUT) == (i == 0) ? ERR : OUT;
        const struct pollfd *fd = &fds[WATCH_PIPES + from];
        if (fd->fd >= 0 && fd->revents)
            r = take_output(messenger, from);
    }
    return r;
}

void messenger_drain(struct messenger *messenger)
{
    fd_clear(&messenger->in);
    fd_clear(&messenger->pipes[IN]);
    messenger->input.size = 0;
    while (messenger->sending.size > 0 || messenger->pipes[OUT] >= 0 ||
           messenger->pipes[ERR] >= 0) {
        struct pollfd fds[MESSENGER_FDS];
        messenger_watch(messenger, fds);
        poll(fds, MESSENGER_FDS, -1);
        if (messenger_work(messenger, fds) < 0)
            return;
    }
}
