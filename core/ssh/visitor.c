/* One connection. */
#include "visitor.h"

#include "base/cleanup.h"
#include "base/fdpass.h"
#include "protocol/handover.h"
#include "protocol/session.h"
#include "pump.h"

#include <errno.h>
#include <fcntl.h>
#include <libssh/callbacks.h>
#include <libssh/server.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define ASK_BOUND_S   60 /* from the login to a request for a shell or a command */
#define START_BOUND_S 20 /* init starts programs one by one, each within 10 s */
#define END_BOUND_S   10 /* for the rest of the output and the client's good-bye */
/* A terminal whose program has ended is read until it is silent: its last bytes are under way in
 * the kernel, and what runs in the background may hold it open. */
#define SILENCE_MS 200

#define RETVAL_CANNOT_START 254

struct visitor {
    int door, init; /* init: the visitor's socket to it, -1 before the login */
    unsigned tries;
    ssh_session session;
    ssh_channel channel;
    ssh_event event;
    struct ssh_channel_callbacks_struct callbacks;
    bool has_asked, is_running, has_ended;
    struct session_message start, end;
    char command[SESSION_COMMAND_MAX];
    struct pump pump;
};

/* --- the login --- */

/* Whole messages on sockets to processes of ours: they have room, and there is an answer. */
static bool ask_door(struct visitor *visitor, const struct login *login)
{
    char answer;
    size_t n_fds = 0;
    struct pollfd readable = {.fd = visitor->door, .events = POLLIN};
    if (fdpass_send(visitor->door, login, sizeof(*login), NULL, 0) != sizeof(*login))
        return false;
    poll(&readable, 1, -1);
    if (fdpass_receive(visitor->door, &answer, 1, &visitor->init, 1, &n_fds, NULL) != 1)
        _exit(EXIT_FAILURE);
    return answer == LOGIN_RIGHT && n_fds == 1;
}

static int on_password(ssh_session session, const char *user, const char *password, void *userdata)
{
    struct visitor *visitor = userdata;
    struct login login = {0};
    if (visitor->init >= 0)
        return SSH_AUTH_DENIED;
    visitor->tries++;
    bool fits = strlen(user) < sizeof(login.user) && strlen(password) < sizeof(login.password);
    if (fits) {
        strcpy(login.user, user);
        strcpy(login.password, password);
    }
    /* One that does not fit is wrong, and counts. */
    bool is_right = ask_door(visitor, &login);
    explicit_bzero(&login, sizeof(login));
    if (!is_right && visitor->tries == TRIES_MAX) {
        ssh_disconnect(session); /* instead of an answer, after which it would ask once more */
        _exit(EXIT_SUCCESS);
    }
    if (!is_right)
        return SSH_AUTH_DENIED;
    alarm(ASK_BOUND_S);
    return SSH_AUTH_SUCCESS;
}

/* --- what it asks for: 0 grants, -1 refuses --- */

static uint16_t cells(int n)
{
    return n > 0 && n <= UINT16_MAX ? (uint16_t)n : 0;
}

static void set_size(struct session_message *message, int columns, int rows, int width, int height)
{
    message->columns = cells(columns);
    message->rows = cells(rows);
    message->width = cells(width);
    message->height = cells(height);
}

static int on_terminal(ssh_session session, ssh_channel channel, const char *terminal, int columns,
                       int rows, int width, int height, void *userdata)
{
    struct visitor *visitor = userdata;
    (void)session, (void)channel;
    if (visitor->has_asked || strlen(terminal) >= SESSION_TERMINAL_MAX)
        return -1;
    strcpy(visitor->start.terminal, terminal);
    visitor->start.has_terminal = 1;
    set_size(&visitor->start, columns, rows, width, height);
    return 0;
}

static int on_size(ssh_session session, ssh_channel channel, int columns, int rows, int width,
                   int height, void *userdata)
{
    struct visitor *visitor = userdata;
    struct session_message *start = &visitor->start;
    (void)session, (void)channel;
    set_size(start, columns, rows, width, height);
    const struct winsize size = {start->rows, start->columns, start->width, start->height};
    if (visitor->pump.has_terminal && visitor->pump.out >= 0)
        ioctl(visitor->pump.out, TIOCSWINSZ, &size);
    return 0;
}

static int ask(struct visitor *visitor, const char *command)
{
    size_t size = strlen(command);
    if (visitor->has_asked || size > sizeof(visitor->command))
        return -1;
    memcpy(visitor->command, command, size);
    visitor->start.command_size = (uint32_t)size;
    visitor->has_asked = true;
    return 0;
}

static int on_shell(ssh_session session, ssh_channel channel, void *userdata)
{
    (void)session, (void)channel;
    return ask(userdata, "");
}

static int on_command(ssh_session session, ssh_channel channel, const char *command, void *userdata)
{
    (void)session, (void)channel;
    return *command ? ask(userdata, command) : -1;
}

static void on_signal(ssh_session session, ssh_channel channel, const char *name, void *userdata)
{
    struct visitor *visitor = userdata;
    struct session_message message = {.kind = SESSION_SIGNAL};
    (void)session, (void)channel;
    for (int i = 1; i <= SIGNAL_MAX && !message.signal; i++)
        if (sigabbrev_np(i) && strcmp(sigabbrev_np(i), name) == 0)
            message.signal = i;
    if (visitor->is_running && message.signal)
        fdpass_send(visitor->init, &message, sizeof(message), NULL, 0);
}

static ssh_channel on_channel(ssh_session session, void *userdata)
{
    struct visitor *visitor = userdata;
    if (visitor->init < 0 || visitor->channel)
        return NULL;
    visitor->channel = ssh_channel_new(session);
    visitor->callbacks = (struct ssh_channel_callbacks_struct){
        .userdata = visitor,
        .channel_pty_request_function = on_terminal,
        .channel_pty_window_change_function = on_size,
        .channel_shell_request_function = on_shell,
        .channel_exec_request_function = on_command,
        .channel_signal_function = on_signal,
    };
    ssh_callbacks_init(&visitor->callbacks);
    ssh_set_channel_callbacks(visitor->channel, &visitor->callbacks);
    return visitor->channel;
}

/* --- its program --- */

static bool receive_from_init(struct visitor *visitor, struct session_message *message, int *fds,
                              size_t *ret_n_fds)
{
    ssize_t n = fdpass_receive(visitor->init, message, sizeof(*message), fds, SESSION_FDS_MAX,
                               ret_n_fds, NULL);
    if (n == -EAGAIN)
        return false;
    if (n != sizeof(*message))
        _exit(EXIT_SUCCESS); /* the sandbox is gone */
    return true;
}

static int on_init(socket_t fd, int revents, void *userdata)
{
    struct visitor *visitor = userdata;
    size_t n_fds;
    (void)fd, (void)revents;
    if (!visitor->has_ended && receive_from_init(visitor, &visitor->end, NULL, &n_fds)) {
        visitor->has_ended = true;
        ssh_event_remove_fd(visitor->event, visitor->init);
        alarm(END_BOUND_S);
    }
    return 0;
}

static void start(struct visitor *visitor)
{
    static char bytes[sizeof(struct session_message) + SESSION_COMMAND_MAX];
    struct session_message answer;
    struct pollfd readable = {.fd = visitor->init, .events = POLLIN};
    int fds[SESSION_FDS_MAX] = {-1, -1, -1, -1};
    size_t n_fds = 0, size = visitor->start.command_size;
    visitor->start.kind = SESSION_START;
    memcpy(bytes, &visitor->start, sizeof(visitor->start));
    memcpy(bytes + sizeof(visitor->start), visitor->command, size);
    alarm(START_BOUND_S);
    if (fdpass_send(visitor->init, bytes, sizeof(visitor->start) + size, NULL, 0) < 0)
        _exit(EXIT_FAILURE);
    poll(&readable, 1, -1);
    if (!receive_from_init(visitor, &answer, fds, &n_fds))
        _exit(EXIT_FAILURE);
    alarm(0);
    visitor->is_running = true;
    if (answer.kind != SESSION_STARTED) {
        static const char words[] = "the shell or command could not be started\r\n";
        ssh_channel_write_stderr(visitor->channel, words, sizeof(words) - 1);
        visitor->end = answer;
        visitor->has_ended = true;
        return;
    }
    pump_init(&visitor->pump, visitor->event, visitor->session, visitor->channel);
    pump_start(&visitor->pump, answer.has_terminal, fds, answer.has_log);
    ssh_event_add_fd(visitor->event, visitor->init, POLLIN, on_init, visitor);
}

/* --- its end --- */

static bool is_gone(const struct visitor *visitor)
{
    return !ssh_is_connected(visitor->session) ||
           (visitor->channel && ssh_channel_is_closed(visitor->channel));
}

/* What the program has written before its end. */
static void drain(struct visitor *visitor)
{
    for (;;) {
        size_t moved = pump_move(&visitor->pump);
        if (pump_output_has_ended(&visitor->pump) || is_gone(visitor))
            return;
        if (moved > 0)
            continue;
        bool was_blocked = pump_is_blocked(&visitor->pump);
        bool may_come = visitor->pump.has_terminal;
        if (!was_blocked && !may_come)
            return;
        if (ssh_event_dopoll(visitor->event, SILENCE_MS) == SSH_AGAIN && !was_blocked)
            return;
    }
}

static void say_end(struct visitor *visitor)
{
    const char *name = visitor->end.signal ? sigabbrev_np(visitor->end.signal) : NULL;
    if (name)
        ssh_channel_request_send_exit_signal(visitor->channel, name, 0, "", "");
    else
        ssh_channel_request_send_exit_status(visitor->channel, visitor->end.retval);
    ssh_channel_send_eof(visitor->channel);
    ssh_channel_close(visitor->channel);
}

/* Until the client has taken all of it and has gone; the alarm bounds it. */
static void end(struct visitor *visitor)
{
    drain(visitor);
    say_end(visitor);
    while (ssh_is_connected(visitor->session) && ssh_event_dopoll(visitor->event, -1) != SSH_ERROR)
        ;
}

/* --- the connection --- */

static void work(struct visitor *visitor)
{
    while (!is_gone(visitor) && !visitor->has_ended) {
        if (visitor->has_asked && !visitor->is_running)
            start(visitor);
        if (visitor->is_running && !visitor->has_ended)
            pump_move(&visitor->pump);
        if (is_gone(visitor) || visitor->has_ended)
            break; /* that was seen while bytes were moved */
        if (ssh_event_dopoll(visitor->event, visitor->pump.has_more ? 0 : -1) == SSH_ERROR)
            return;
    }
    if (visitor->has_ended && !is_gone(visitor))
        end(visitor);
}

static int open_session(struct visitor *visitor, ssh_key key, int connection)
{
    static struct ssh_server_callbacks_struct callbacks;
    ssh_bind bind = ssh_bind_new();
    visitor->session = ssh_new();
    visitor->event = ssh_event_new();
    if (!bind || !visitor->session || !visitor->event ||
        ssh_bind_options_set(bind, SSH_BIND_OPTIONS_IMPORT_KEY, key) < 0 ||
        ssh_bind_accept_fd(bind, visitor->session, connection) != SSH_OK)
        return -EPROTO;
    callbacks = (struct ssh_server_callbacks_struct){
        .userdata = visitor,
        .auth_password_function = on_password,
        .channel_open_request_session_function = on_channel,
    };
    ssh_callbacks_init(&callbacks);
    ssh_set_server_callbacks(visitor->session, &callbacks);
    ssh_set_auth_methods(visitor->session, SSH_AUTH_METHOD_PASSWORD);
    if (ssh_handle_key_exchange(visitor->session) != SSH_OK)
        return -EPROTO;
    ssh_set_blocking(visitor->session, 0);
    return ssh_event_add_session(visitor->event, visitor->session) == SSH_OK ? 0 : -EPROTO;
}

_Noreturn void visitor_serve(ssh_key key, int connection, int door, unsigned login_s)
{
    static struct visitor visitor;
    visitor.door = door;
    visitor.init = -1;
    alarm(login_s);
    if (open_session(&visitor, key, connection) == 0)
        work(&visitor);
    _exit(EXIT_SUCCESS);
}
