/* Bytes and file descriptors over Unix sockets. */
#include "base/fdpass.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

ssize_t fdpass_send(int socket, const void *data, size_t size, const int *fds, size_t n_fds)
{
    union {
        char space[CMSG_SPACE(FDPASS_MAX * sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    /* sendmsg() does not write through the vector. */
    struct iovec vector = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
    struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1};
    if (n_fds > FDPASS_MAX)
        return -E2BIG;
    if (n_fds > 0) {
        header.msg_control = control.space;
        header.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
        struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
        memcpy(CMSG_DATA(rights), fds, n_fds * sizeof(int));
    }
    ssize_t n = sendmsg(socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
    return n < 0 ? -errno : n;
}

/* Keeps the first max_fds of a control message's descriptors and closes the others. */
static void keep_fds(const struct cmsghdr *rights, int *ret_fds, size_t max_fds, size_t *n_fds)
{
    size_t n = (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < n; i++) {
        int fd;
        memcpy(&fd, CMSG_DATA(rights) + i * sizeof(int), sizeof(int));
        if (*n_fds < max_fds)
            ret_fds[(*n_fds)++] = fd;
        else
            close(fd);
    }
}

ssize_t fdpass_receive(int socket, void *data, size_t size, int *ret_fds, size_t max_fds,
                       size_t *ret_n_fds, pid_t *ret_pid)
{
    union {
        char space[CMSG_SPACE(FDPASS_MAX * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
        struct cmsghdr align;
    } control;
    struct iovec vector = {.iov_base = data, .iov_len = size};
    struct msghdr header = {.msg_iov = &vector,
                            .msg_iovlen = 1,
                            .msg_control = control.space,
                            .msg_controllen = sizeof(control.space)};
    ssize_t n = recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0)
        return -errno;
    size_t n_fds = 0;
    pid_t pid = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
        if (c->cmsg_level != SOL_SOCKET)
            continue;
        if (c->cmsg_type == SCM_RIGHTS) {
            keep_fds(c, ret_fds, max_fds, &n_fds);
        } else if (c->cmsg_type == SCM_CREDENTIALS) {
            struct ucred sender;
            memcpy(&sender, CMSG_DATA(c), sizeof(sender));
            pid = sender.pid;
        }
    }
    if (header.msg_flags & MSG_TRUNC) {
        while (n_fds > 0)
            close(ret_fds[--n_fds]);
        return -EMSGSIZE;
    }
    if (ret_n_fds)
        *ret_n_fds = n_fds;
    if (ret_pid)
        *ret_pid = pid;
    return n;
}
