/* Memory by every door, without end. */
#include "hostile.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <unistd.h>

#define MIB (1L << 20)

static char page[1 << 16];

/* A process holds so many descriptors only: when it has, a child goes on. */
static bool go_on(void)
{
    pid_t pid = fork();
    if (pid > 0)
        for (;;)
            pause();
    if (pid == 0)
        closefrom(3);
    return pid == 0;
}

static int map(int flags)
{
    for (;;) {
        char *block = mmap(NULL, MIB, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
        if (block == MAP_FAILED)
            return 9;
        memset(block, 1, MIB);
    }
}

static int do_heap(const char *argument)
{
    (void)argument;
    return map(MAP_PRIVATE);
}

static int do_shared(const char *argument)
{
    (void)argument;
    return map(MAP_SHARED);
}

static int fill(int fd)
{
    while (write(fd, page, sizeof(page)) > 0)
        ;
    return 9;
}

static int do_memfd(const char *argument)
{
    (void)argument;
    for (int fd; (fd = memfd_create("x", 0)) >= 0;)
        for (int i = 0; i < 64 && write(fd, page, sizeof(page)) > 0; i++)
            ;
    return 9;
}

/* A file of the directory, then another where that is full. */
static int do_tmpfs(const char *argument)
{
    char path[64];
    snprintf(path, sizeof(path), "%s/x", argument);
    fill(open(path, O_CREAT | O_WRONLY, 0600));
    tell(argument, -1);
    return 0;
}

/* A full one each. */
static int do_pipes(const char *argument)
{
    (void)argument;
    for (;;) {
        int ends[2];
        if (pipe2(ends, O_NONBLOCK) < 0) {
            if (!go_on())
                return 9;
            continue;
        }
        fcntl(ends[1], F_SETPIPE_SZ, MIB);
        fill(ends[1]);
    }
}

static int do_unix_sockets(const char *argument)
{
    (void)argument;
    for (;;) {
        int pair[2], size = 4 * MIB;
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) < 0) {
            if (!go_on())
                return 9;
            continue;
        }
        setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
        fill(pair[1]);
    }
}

/* Over the loopback; as many as there may be. Tells how many MiB it got to keep. */
static int do_tcp(const char *argument)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    long kept = 0;
    (void)argument;
    if (bind(listener, (const struct sockaddr *)&address, size) < 0 || listen(listener, 64) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) < 0)
        return 9;
    for (int i = 0; i < 1500; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(fd, (const struct sockaddr *)&address, size) < 0 || accept(listener, 0, 0) < 0)
            break;
        fcntl(fd, F_SETFL, O_NONBLOCK);
        for (ssize_t n; (n = write(fd, page, sizeof(page))) > 0;)
            kept += n;
    }
    printf("%ld\n", kept / MIB);
    return 0;
}

static int do_shm(const char *argument)
{
    (void)argument;
    for (int id; (id = shmget(IPC_PRIVATE, MIB, 0600)) >= 0;) {
        char *block = shmat(id, NULL, 0);
        if (block == (char *)-1)
            break;
        memset(block, 1, MIB);
        shmdt(block);
    }
    tell("shm", -1);
    return 0;
}

static int do_messages(const char *argument)
{
    static struct {
        long type;
        char text[4096];
    } message = {.type = 1};
    (void)argument;
    for (int id; (id = msgget(IPC_PRIVATE, 0600)) >= 0;)
        while (msgsnd(id, &message, sizeof(message.text), IPC_NOWAIT) == 0)
            ;
    tell("messages", -1);
    return 0;
}

static int do_semaphores(const char *argument)
{
    (void)argument;
    while (semget(IPC_PRIVATE, 1000, 0600) >= 0)
        ;
    tell("semaphores", -1);
    return 0;
}

/* Page cache is the kernel's to give back: 400 MiB through a file, and back. */
static int do_page_cache(const char *argument)
{
    int fd = open(argument, O_CREAT | O_RDWR | O_TRUNC, 0600);
    for (int i = 0; i < 6400; i++)
        if (write(fd, page, sizeof(page)) < 0)
            return 9;
    lseek(fd, 0, SEEK_SET);
    while (read(fd, page, sizeof(page)) > 0)
        ;
    tell("page_cache", unlink(argument));
    return 0;
}

const struct attack memory_attacks[] = {{"heap", do_heap},
                                        {"shared", do_shared},
                                        {"memfd", do_memfd},
                                        {"tmpfs", do_tmpfs},
                                        {"pipes", do_pipes},
                                        {"unix_sockets", do_unix_sockets},
                                        {"tcp", do_tcp},
                                        {"shm", do_shm},
                                        {"messages", do_messages},
                                        {"semaphores", do_semaphores},
                                        {"page_cache", do_page_cache},
                                        {0}};
