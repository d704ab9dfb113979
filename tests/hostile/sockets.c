/* Sockets: families, protocols, and who is at the other end. */
#include "hostile.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FAMILIES 64

/* Every family there is or may come, as itself and as a pair. */
static int do_families(const char *argument)
{
    (void)argument;
    for (int family = 0; family < FAMILIES; family++) {
        char name[32];
        int pair[2], fd = socket(family, SOCK_DGRAM, 0);
        snprintf(name, sizeof(name), "socket %d", family);
        tell(name, fd);
        if (family == AF_INET || family == AF_INET6 || family == AF_UNIX || family == AF_NETLINK)
            continue;
        snprintf(name, sizeof(name), "pair %d", family);
        tell(name, socketpair(family, SOCK_DGRAM, 0, pair));
    }
    return 0;
}

/* Each of which would have the machine load a module, or opens a door of the kernel's. */
static int do_protocols(const char *argument)
{
    (void)argument;
    tell("raw", socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
    tell("packet", socket(AF_PACKET, SOCK_RAW, 0));
    tell("sctp", socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP));
    tell("sctp6", socket(AF_INET6, SOCK_STREAM, IPPROTO_SCTP));
    tell("dccp", socket(AF_INET, SOCK_DCCP, IPPROTO_DCCP));
    tell("mptcp", socket(AF_INET, SOCK_STREAM, 262));
    tell("l2tp", socket(AF_INET, SOCK_DGRAM, 115));
    tell("netfilter", socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER));
    tell("audit", socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT));
    tell("generic", socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC));
    tell("xfrm", socket(AF_NETLINK, SOCK_RAW, NETLINK_XFRM));
    return 0;
}

/* What programs use. */
static int do_usual(const char *argument)
{
    int pair[2];
    (void)argument;
    tell("tcp", socket(AF_INET, SOCK_STREAM, 0));
    tell("tcp_by_name", socket(AF_INET, SOCK_STREAM, IPPROTO_TCP));
    tell("udp", socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP));
    tell("unix", socket(AF_UNIX, SOCK_STREAM, 0));
    tell("pair", socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
    tell("route", socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
    struct if_nameindex *names = if_nameindex();
    for (struct if_nameindex *name = names; name && name->if_index; name++)
        printf("interface %s\n", name->if_name);
    return 0;
}

/* "ADDRESS PORT" */
static int do_connect(const char *argument)
{
    char text[64];
    struct sockaddr_in address = {.sin_family = AF_INET};
    int port, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (sscanf(argument, "%63s %d", text, &port) != 2)
        return 9;
    address.sin_port = htons((uint16_t)port);
    inet_pton(AF_INET, text, &address.sin_addr);
    alarm(5);
    tell("connect", connect(fd, (const struct sockaddr *)&address, sizeof(address)));
    return 0;
}

/* A Unix socket by its path, or with @ an abstract one. */
static int do_unix(const char *argument)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    size_t size = strlen(argument);
    memcpy(address.sun_path, argument, size < sizeof(address.sun_path) ? size : 0);
    if (*argument == '@')
        address.sun_path[0] = 0;
    tell("unix", connect(fd, (const struct sockaddr *)&address,
                         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size)));
    return 0;
}

const struct attack socket_attacks[] = {{"families", do_families}, {"protocols", do_protocols},
                                        {"usual", do_usual},       {"connect", do_connect},
                                        {"unix", do_unix},         {0}};
