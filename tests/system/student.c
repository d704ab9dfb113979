/* What students' programs do, well or badly: `student WHAT [NUMBER]`. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define MIB (1 << 20)

static int do_exit(long number)
{
    return (int)number;
}

/* A handler or mask inherited from somewhere must not matter. */
static int do_raise(long number)
{
    const struct rlimit no_core = {0};
    setrlimit(RLIMIT_CORE, &no_core);
    kill(getpid(), (int)number);
    return 0;
}

/* Touches number MiB, 4096 by default. */
static int do_hog(long number)
{
    for (long i = 0; i < (number ? number : 4096); i++) {
        char *block = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (block == MAP_FAILED)
            return 9;
        memset(block, 1, MIB);
    }
    return 0;
}

static int do_forkbomb(long number)
{
    (void)number;
    for (;;)
        if (fork() < 0 && errno != EAGAIN)
            return 9;
}

static void *spin(void *argument)
{
    (void)argument;
    for (volatile uint64_t i = 0;; i++)
        ;
    return NULL;
}

static int do_spin(long number)
{
    pthread_t thread;
    for (long i = 1; i < number; i++)
        if (pthread_create(&thread, NULL, spin, NULL) != 0)
            return 9;
    spin(NULL);
    return 0;
}

static int do_sleep(long number)
{
    (void)number;
    while (pause() < 0)
        ;
    return 9;
}

/* Everything that can be ignored is; says so, then waits. */
static int do_stubborn(long number)
{
    for (int i = 1; i < NSIG; i++)
        signal(i, SIG_IGN);
    puts("ignoring");
    fflush(stdout);
    return do_sleep(number);
}

/* Leaves a process of its own session that holds all descriptors, and ends. */
static int do_daemon(long number)
{
    if (fork() == 0) {
        setsid();
        signal(SIGHUP, SIG_IGN);
        if (fork() == 0)
            do_sleep(0);
        _exit(0);
    }
    puts("left");
    return (int)number;
}

static int do_flood(long number)
{
    static char block[64 << 10];
    (void)number;
    memset(block, 'x', sizeof(block));
    for (;;)
        if (write(STDOUT_FILENO, block, sizeof(block)) < 0)
            return 9;
}

/* number bytes that nothing repeats: a xorshift generator's, as Python's test computes them. */
static int do_pattern(long number)
{
    uint64_t state = 88172645463325252u;
    static uint64_t block[8192];
    while (number > 0) {
        for (size_t i = 0; i < sizeof(block) / sizeof(block[0]); i++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            block[i] = state;
        }
        size_t size = number < (long)sizeof(block) ? (size_t)number : sizeof(block);
        for (size_t done = 0; done < size;) {
            ssize_t n = write(STDOUT_FILENO, (char *)block + done, size - done);
            if (n < 0)
                return 9;
            done += (size_t)n;
        }
        number -= (long)size;
    }
    return 0;
}

/* Catches all signals that can be caught, tells their numbers, ends on TERM. */
static void tell(int number)
{
    char line[] = {(char)('0' + number / 10), (char)('0' + number % 10), '\n'};
    size_t skip = number < 10;
    if (write(STDOUT_FILENO, line + skip, sizeof(line) - skip) < 0 || number == SIGTERM)
        _exit(7);
}

static int do_catch(long number)
{
    for (int i = 1; i < NSIG; i++)
        signal(i, tell);
    puts("ready");
    fflush(stdout);
    return do_sleep(number);
}

static const struct {
    const char *name;
    int (*run)(long number);
} works[] = {{"exit", do_exit},         {"raise", do_raise},   {"hog", do_hog},
             {"forkbomb", do_forkbomb}, {"spin", do_spin},     {"sleep", do_sleep},
             {"stubborn", do_stubborn}, {"daemon", do_daemon}, {"flood", do_flood},
             {"pattern", do_pattern},   {"catch", do_catch}};

int main(int argc, char **argv)
{
    long number = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
    for (size_t i = 0; argc > 1 && i < sizeof(works) / sizeof(works[0]); i++)
        if (strcmp(works[i].name, argv[1]) == 0)
            return works[i].run(number);
    fprintf(stderr, "usage: student WHAT [NUMBER]\n");
    return 99;
}
