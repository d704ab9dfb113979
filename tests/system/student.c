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
#include <sys/wait.h>
#include <time.h>
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

static void burn_cpu(clock_t time)
{
    for (clock_t end = clock() + time; clock() < end;)
        ;
}

/* number at a time, of 5 ms each, for ever. */
static int do_mayflies(long number)
{
    for (long n = 0;; n++) {
        if (n >= number)
            wait(NULL);
        if (fork() == 0) {
            burn_cpu(CLOCKS_PER_SEC / 200);
            _exit(0);
        }
    }
}

/* How many there may be at the same time, itself included; at most number. */
static int do_processes(long number)
{
    long n = 1;
    for (pid_t pid = 1; n < number && pid >= 0; n += pid >= 0)
        if ((pid = fork()) == 0)
            for (;;)
                pause();
    printf("%ld\n", n);
    return 0;
}

static void *wait_for_ever(void *argument)
{
    for (;;)
        pause();
    return argument;
}

static int do_threads(long number)
{
    pthread_t thread;
    long n = 1;
    while (n < number && pthread_create(&thread, NULL, wait_for_ever, NULL) == 0)
        n++;
    printf("%ld\n", n);
    return 0;
}

/* Of number MiB, with nothing in it. */
static int do_longfile(long number)
{
    signal(SIGXFSZ, SIG_IGN);
    int fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);
    puts(ftruncate(fd, number * MIB) == 0 ? "fits" : strerror(errno));
    return fd < 0;
}

static int do_openfiles(long number)
{
    long n = 3;
    while (n < number && open("/dev/null", O_RDONLY) >= 0)
        n++;
    printf("%ld %s\n", n, strerror(errno));
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
} works[] = {{"exit", do_exit},           {"raise", do_raise},     {"hog", do_hog},
             {"forkbomb", do_forkbomb},   {"spin", do_spin},       {"sleep", do_sleep},
             {"stubborn", do_stubborn},   {"daemon", do_daemon},   {"flood", do_flood},
             {"pattern", do_pattern},     {"catch", do_catch},     {"mayflies", do_mayflies},
             {"processes", do_processes}, {"threads", do_threads}, {"longfile", do_longfile},
             {"openfiles", do_openfiles}};

int main(int argc, char **argv)
{
    long number = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
    for (size_t i = 0; argc > 1 && i < sizeof(works) / sizeof(works[0]); i++)
        if (strcmp(works[i].name, argv[1]) == 0)
            return works[i].run(number);
    fprintf(stderr, "usage: student WHAT [NUMBER]\n");
    return 99;
}
