/* The Unix socket to a container's init. */
#include "init_link.h"

#include "base/cleanup.h"
#include "base/fdpass.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

/* --- descriptors for the command --- */

static void close_fds(struct init_link *link)
{
    for (int i = 0; i < HANDOVER_FDS; i++) {
        for (int j = i + 1; j < HANDOVER_FDS; j++)
            if (link->fds[j] == link->fds[i])
                link->fds[j] = -1;
        fd_clear(&link->fds[i]);
    }
}

static int open_missing_fds(struct init_link *link, const int fds[HANDOVER_FDS])
{
    for (int i = 0; i < HANDOVER_FDS; i++) {
        if (fds[i] >= 0)
            continue;
        link->fds[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (link->fds[i] < 0)
            return -errno;
    }
    return 0;
}

void init_link_take_fds(struct init_link *link, const int fds[HANDOVER_FDS])
{
    for (int i = 0; i < HANDOVER_FDS; i++)
        if (fds[i] >= 0)
            link->fds[i] = fds[i];
}

/* --- files --- */

static int make_placeholder(struct init_link *link, const char *sockets_dir)
{
    uint64_t number;
    if (getrandom(&number, sizeof(number), 0) != sizeof(number))
        return -errno;
    char *name;
    if (asprintf(&name, "%s/p%016" PRIx64, sockets_dir, number) < 0)
        return -ENOMEM;
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        int error = -errno;
        free(name);
        return error;
    }
    close(fd);
    link->placeholder = name;
    return 0;
}

static void remove_file(char **path)
{
    if (*path)
        unlink(*path);
    free(*path);
    *path = NULL;
}

static void stop_listening(struct init_link *link)
{
    fd_clear(&link->listener);
    remove_file(&link->path);
}

bool init_link_is_fused(const struct init_link *link)
{
    int out = link->fds[1], err = link->fds[2];
    struct stat a, b;
    if (out == err)
        return out >= 0;
    if (fstat(out, &a) < 0 || fstat(err, &b) < 0 || a.st_dev != b.st_dev || a.st_ino != b.st_ino)
        return false;
    /* A file that was opened twice has two positions. */
    return S_ISFIFO(a.st_mode) || syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, out, err) == 0;
}

void init_link_give_fds(struct init_link *link, int ret_fds[HANDOVER_FDS])
{
    watch_remove(&link->watch);
    stop_listening(link);
    fd_clear(&link->connection);
    for (int i = 0; i < HANDOVER_FDS; i++)
        ret_fds[i] = fd_steal(&link->fds[i]);
}

/* --- to init --- */

static int send_command(struct init_link *link)
{
    while (link->command_sent < link->command_size) {
        size_t sent = link->command_sent;
        ssize_t n = fdpass_send(link->connection, link->command + sent, link->command_size - sent,
                                link->fds, sent ? 0 : HANDOVER_FDS);
        if (n < 0)
            return (int)n;
        /* They go with the first byte, however few bytes were taken. */
        if (sent == 0)
            close_fds(link);
        link->command_sent += (size_t)n;
    }
    free(link->command);
    link->command = NULL;
    return 0;
}

static int send_signals(struct init_link *link)
{
    while (link->signals_size > 0) {
        ssize_t n = fdpass_send(link->connection, link->signals, link->signals_size, NULL, 0);
        if (n < 0)
            return (int)n;
        link->signals_size -= (size_t)n;
        memmove(link->signals, link->signals + n, link->signals_size);
    }
    return 0;
}

static void send_waiting(struct init_link *link)
{
    bool had_command = link->command != NULL;
    int r = had_command ? send_command(link) : 0;
    if (r == 0)
        r = send_signals(link);
    if (r == 0)
        watch_change(&link->watch, EPOLLIN);
    if (had_command && !link->command)
        link->fn(link, EVENT_COMMAND_SENT); /* an error of the signals comes again */
    else if (r < 0 && r != -EAGAIN)
        link->fn(link, EVENT_INIT_GONE);
}

int init_link_send_command(struct init_link *link, const char *map, size_t size)
{
    link->command = malloc(1 + size);
    if (!link->command)
        return -ENOMEM;
    link->command[0] = HANDOVER_DESCRIPTORS;
    memcpy(link->command + 1, map, size);
    link->command_size = 1 + size;
    link->has_command = true;
    return watch_change(&link->watch, EPOLLIN | EPOLLOUT);
}

int init_link_signal(struct init_link *link, int signal)
{
    if (link->signals_size + SIGNAL_SIZE > sizeof(link->signals))
        return -EAGAIN;
    signal_encode(signal, link->signals + link->signals_size);
    link->signals_size += SIGNAL_SIZE;
    return link->has_command ? watch_change(&link->watch, EPOLLIN | EPOLLOUT) : 0;
}

bool init_link_has_signals(const struct init_link *link)
{
    return link->signals_size > 0;
}

int init_link_take_signal(struct init_link *link)
{
    if (link->signals_size == 0)
        return 0;
    int signal = signal_decode(link->signals);
    link->signals_size -= SIGNAL_SIZE;
    memmove(link->signals, link->signals + SIGNAL_SIZE, link->signals_size);
    return signal;
}

/* --- from init --- */

/* Returns whether there was nothing to tell. */
static bool receive(struct init_link *link)
{
    char bytes[512]; /* per round */
    ssize_t n = recv(link->connection, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (n > 0 && link->greeted)
        return link->reader ? link->reader(link, bytes, (size_t)n) : true;
    link->greeted = true;
    if (n <= 0)
        link->fn(link, EVENT_INIT_GONE);
    else
        link->fn(link, bytes[0] == HANDOVER_HELLO ? EVENT_HELLO : EVENT_GARBAGE);
    return false;
}

static void on_connection(struct watch *watch, uint32_t events)
{
    struct init_link *link = container_of(watch, struct init_link, watch);
    if ((events & ~(uint32_t)EPOLLOUT) && !receive(link))
        return;
    if (events & EPOLLOUT)
        send_waiting(link);
}

static void on_listener(struct watch *watch, uint32_t events)
{
    (void)events;
    struct init_link *link = container_of(watch, struct init_link, watch);
    int fd = accept4(link->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 && (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR))
        return;
    watch_remove(watch);
    stop_listening(link);
    link->connection = fd;
    if (fd < 0 || watch_add(link->loop, watch, fd, EPOLLIN, on_connection) < 0)
        link->fn(link, EVENT_INIT_GONE);
}

/*
 * init may be uid 4242, and the umask anything. The directory may be another's, who could have put
 * a link in the socket's place.
 */
static int open_to_everybody(const char *path)
{
    char name[64];
    struct stat st;
    _cleanup_close_ int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISSOCK(st.st_mode))
        return -EPERM;
    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    return chmod(name, 0777) < 0 ? -errno : 0;
}

static int listen_beside(struct init_link *link)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (asprintf(&link->path, "%s.sock", link->placeholder) < 0) {
        link->path = NULL;
        return -ENOMEM;
    }
    if (strlen(link->path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    strcpy(address.sun_path, link->path);
    link->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (link->listener < 0)
        return -errno;
    if (bind(link->listener, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(link->listener, 1) < 0)
        return -errno;
    int r = open_to_everybody(link->path);
    if (r < 0)
        return r;
    return watch_add(link->loop, &link->watch, link->listener, EPOLLIN, on_listener);
}

int init_link_open(struct init_link *link, struct loop *loop, const char *sockets_dir,
                   const int fds[HANDOVER_FDS], bool listens, init_link_fn *fn)
{
    *link = (struct init_link){
        .loop = loop, .fn = fn, .listener = -1, .connection = -1, .fds = {-1, -1, -1}};
    int r = open_missing_fds(link, fds);
    if (r == 0)
        r = make_placeholder(link, sockets_dir);
    if (r == 0 && listens)
        r = listen_beside(link);
    if (r < 0)
        init_link_close(link);
    return r;
}

void init_link_close(struct init_link *link)
{
    if (!link->loop)
        return;
    watch_remove(&link->watch);
    stop_listening(link);
    fd_clear(&link->connection);
    close_fds(link);
    remove_file(&link->placeholder);
    free(link->command);
    link->command = NULL;
    link->loop = NULL;
}

const char *init_link_id(const struct init_link *link)
{
    return strrchr(link->placeholder, '/') + 1;
}
