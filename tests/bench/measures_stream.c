/* Streams: bytes through a run, and through bare pipes. */
#include "measures.h"
#include "process.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK       (1 << 20)
#define READERS_MAX 1000

static void make_pipe(int *fds)
{
    if (pipe2(fds, O_CLOEXEC) < 0)
        die("pipe");
}

static void drain(int fd, long expected)
{
    static char block[BLOCK];
    long total = 0;
    ssize_t n;
    while ((n = read(fd, block, sizeof(block))) > 0)
        total += n;
    if (n < 0 || total != expected) {
        fprintf(stderr, "bench: %ld bytes arrived of %ld\n", total, expected);
        exit(EXIT_FAILURE);
    }
    close(fd);
}

static void feed(int fd, long bytes)
{
    static char block[BLOCK];
    while (bytes > 0) {
        ssize_t n = write(fd, block, bytes < BLOCK ? (size_t)bytes : BLOCK);
        if (n < 0)
            die("write");
        bytes -= n;
    }
    close(fd);
}

static void begin(const struct mounted *mounted, const char *command)
{
    run_make(mounted, "b");
    run_put(mounted, "b", "output_limit", "0");
    run_put(mounted, "b", "cmd", command);
}

/* --- output --- */

static const char *head_of(long bytes)
{
    static char command[64];
    snprintf(command, sizeof(command), "head -c %ld /dev/zero", bytes);
    return command;
}

static const char *number(long n)
{
    static char text[24];
    snprintf(text, sizeof(text), "%ld", n);
    return text;
}

static const char *const cat[] = {"cat", NULL};

double output_head_ours(long n)
{
    double t = now();
    begin(&by_fd, head_of(n));
    int fd = run_open(&by_fd, "b", "stdout", O_RDONLY);
    process_finish(process_start(cat, fd, null_fd));
    close(fd);
    run_end(&by_fd, "b");
    return now() - t;
}

double output_head_pipe(long n)
{
    const char *const words[] = {"head", "-c", number(n), "/dev/zero", NULL};
    int fds[2];
    double t = now();
    make_pipe(fds);
    pid_t writer = process_start(words, null_fd, fds[1]);
    pid_t reader = process_start(cat, fds[0], null_fd);
    close(fds[0]);
    close(fds[1]);
    process_finish(writer);
    process_finish(reader);
    return now() - t;
}

static double output_of(const struct mounted *mounted, const char *command, long n)
{
    double t = now();
    begin(mounted, command);
    drain(run_open(mounted, "b", "stdout", O_RDONLY), n);
    run_end(mounted, "b");
    return now() - t;
}

double output_fast_ours(long n)
{
    char command[64];
    snprintf(command, sizeof(command), "student/bench-work write %ld", n);
    return output_of(&by_fd, command, n);
}

double output_fast_pipe(long n)
{
    char program[PATH_MAX];
    snprintf(program, sizeof(program), "%.1000s/bench-work", bin);
    const char *const words[] = {program, "write", number(n), NULL};
    int fds[2];
    double t = now();
    make_pipe(fds);
    pid_t writer = process_start(words, null_fd, fds[1]);
    close(fds[1]);
    drain(fds[0], n);
    process_finish(writer);
    return now() - t;
}

double output_fd(long n)
{
    return output_of(&by_fd, head_of(n), n);
}

/* Its mount is made when the first measure needs it. */
static const struct mounted *by_message(void)
{
    static const char *const options[] = {"--transport", "message", NULL};
    static struct mounted mounted;
    if (!mounted.daemon)
        mounted_start(&mounted, bin, "message", options);
    return &mounted;
}

double output_message(long n)
{
    return output_of(by_message(), head_of(n), n);
}

/* --- input --- */

/* A file in memory, of so many bytes; made once. */
static const char *file_of(long bytes)
{
    static char path[128];
    struct stat st;
    snprintf(path, sizeof(path), "/dev/shm/%s", scratch + sizeof("/tmp/") - 1);
    if (stat(path, &st) < 0 || st.st_size != bytes) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0)
            die(path);
        feed(fd, bytes);
    }
    return path;
}

/* Before the program ends, and after the measures that need it. */
static void forget_file(const char *path)
{
    unlink(path);
}

double input_ours(long n)
{
    const char *path = file_of(n);
    const char *const words[] = {"cat", path, NULL};
    double t = now();
    begin(&by_fd, "wc -c");
    int fd = run_open(&by_fd, "b", "stdin", O_WRONLY);
    pid_t writer = process_start(words, null_fd, fd);
    close(fd);
    process_finish(writer);
    run_end(&by_fd, "b");
    t = now() - t;
    forget_file(path);
    return t;
}

double input_pipe(long n)
{
    static const char *const count[] = {"wc", "-c", NULL};
    const char *path = file_of(n);
    const char *const words[] = {"cat", path, NULL};
    int fds[2];
    double t = now();
    make_pipe(fds);
    pid_t reader = process_start(count, fds[0], null_fd);
    pid_t writer = process_start(words, null_fd, fds[1]);
    close(fds[0]);
    close(fds[1]);
    process_finish(writer);
    process_finish(reader);
    t = now() - t;
    forget_file(path);
    return t;
}

static double input_of(const struct mounted *mounted, long n)
{
    double t = now();
    begin(mounted, "wc -c");
    feed(run_open(mounted, "b", "stdin", O_WRONLY), n);
    run_end(mounted, "b");
    return now() - t;
}

double input_fd(long n)
{
    return input_of(&by_fd, n);
}

double input_message(long n)
{
    return input_of(by_message(), n);
}

/* --- a line there and back --- */

static double echo(int in, int out, long n)
{
    char back[16];
    double t = now();
    for (long i = 0; i < n; i++) {
        if (write(in, "12345\n", 6) != 6)
            die("write");
        for (ssize_t got = 0; got < 6;) {
            ssize_t k = read(out, back, sizeof(back));
            if (k <= 0)
                die("read");
            got += k;
        }
    }
    t = now() - t;
    close(in);
    close(out);
    return t;
}

static double echo_in(const struct mounted *mounted, long n)
{
    begin(mounted, "cat");
    int in = run_open(mounted, "b", "stdin", O_WRONLY);
    int out = run_open(mounted, "b", "stdout", O_RDONLY);
    double t = echo(in, out, n);
    run_end(mounted, "b");
    return t;
}

double echo_ours(long n)
{
    return echo_in(&by_fd, n);
}

double echo_pipes(long n)
{
    int in[2], out[2];
    make_pipe(in);
    make_pipe(out);
    pid_t pid = process_start(cat, in[0], out[1]);
    close(in[0]);
    close(out[1]);
    double t = echo(in[1], out[0], n);
    process_finish(pid);
    return t;
}

/* This process, and what it starts, on one CPU. */
static double pinned(double (*measure)(long n), long n)
{
    cpu_set_t all, one;
    sched_getaffinity(0, sizeof(all), &all);
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    sched_setaffinity(0, sizeof(one), &one);
    double t = measure(n);
    sched_setaffinity(0, sizeof(all), &all);
    return t;
}

/* A mount that was started there knows that it has but one. */
static double echo_by_one_cpu(long n)
{
    static const char *const none[] = {NULL};
    static struct mounted mounted;
    if (!*mounted.point)
        mounted_start(&mounted, bin, "one", none);
    return echo_in(&mounted, n);
}

double echo_ours_pinned(long n)
{
    return pinned(echo_by_one_cpu, n);
}

double echo_pipes_pinned(long n)
{
    return pinned(echo_pipes, n);
}

/* --- one recording, many readers --- */

#define RECORDED      (1l << 30)
#define RECORDED_PART (1l << 26) /* for a thousand readers */

static double read_by_many(const char *path, long n)
{
    pid_t pids[READERS_MAX];
    const char *const words[] = {"cat", path, NULL};
    double t = now();
    for (long i = 0; i < n && i < READERS_MAX; i++)
        pids[i] = process_start(words, null_fd, null_fd);
    for (long i = 0; i < n && i < READERS_MAX; i++)
        process_finish(pids[i]);
    return now() - t;
}

static double readers_of_run(long bytes, long n)
{
    char path[PATH_MAX + 16];
    begin(&by_fd, head_of(bytes));
    int fd = run_open(&by_fd, "b", "retval", O_RDONLY);
    drain(fd, 2);
    snprintf(path, sizeof(path), "%.4000s/b/stdout", by_fd.point);
    double t = read_by_many(path, n);
    run_remove(&by_fd, "b");
    return t;
}

static double readers_of_file(long bytes, long n)
{
    const char *path = file_of(bytes);
    double t = read_by_many(path, n);
    forget_file(path);
    return t;
}

double readers_ours(long n)
{
    return readers_of_run(RECORDED, n);
}

double readers_tmpfs(long n)
{
    return readers_of_file(RECORDED, n);
}

double readers_of_part_ours(long n)
{
    return readers_of_run(RECORDED_PART, n);
}

double readers_of_part_tmpfs(long n)
{
    return readers_of_file(RECORDED_PART, n);
}
