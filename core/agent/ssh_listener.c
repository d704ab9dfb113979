/* Where an ssh server listens. */
#include "ssh_listener.h"

#include "base/cleanup.h"
#include "base/number.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define BACKLOG   16
#define PORTS_MAX 16 /* characters: two numbers of five digits and a dash */

int ssh_ports_parse(const char *text, uint16_t *ret_first, uint16_t *ret_last)
{
    char copy[PORTS_MAX];
    uint64_t first = 0, last = 0;
    if (text && snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy))
        return -EINVAL;
    if (text) {
        char *dash = strchr(copy, '-');
        if (dash)
            *dash = 0;
        if (number_parse(copy, 1, UINT16_MAX, &first) < 0 ||
            number_parse(dash ? dash + 1 : copy, first, UINT16_MAX, &last) < 0)
            return -EINVAL;
    }
    *ret_first = (uint16_t)first;
    *ret_last = (uint16_t)last;
    return 0;
}

static int listen_at(const struct addrinfo *at)
{
    static const int yes = 1;
    _cleanup_close_ int fd =
        socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
    if (fd < 0)
        return -errno;
    /* Of an earlier run's connections, that linger: else a port could not be used for a minute. */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(fd, at->ai_addr, at->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)
        return -errno;
    return fd_steal(&fd);
}

static uint16_t port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {0};
    socklen_t size = sizeof(address);
    getsockname(fd, &address.any, &size);
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

int ssh_listen(const char *address, uint16_t first, uint16_t last, uint16_t *ret_port)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    int fd = -EADDRINUSE;
    for (unsigned port = first; port <= last && (fd == -EADDRINUSE || fd == -EACCES); port++) {
        struct addrinfo *found;
        char digits[8];
        snprintf(digits, sizeof(digits), "%u", port);
        if (getaddrinfo(address, digits, &hints, &found) != 0)
            return -EINVAL;
        fd = listen_at(found);
        freeaddrinfo(found);
    }
    if (fd >= 0)
        *ret_port = port_of(fd);
    return fd;
}
