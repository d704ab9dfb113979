/*
 * What studentfs costs, each figure beside its rival in the same run of this program.
 *
 *   bench [--rounds N] BIN_DIRECTORY
 *
 * It mounts a studentfs of its own, takes the median of N rounds (at least 5) in which ours and
 * its rivals take turns, prints a table with ratios, and leaves nothing behind. It asserts
 * nothing: machines differ, ratios less so.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS_MAX   99
#define BULK_BYTES   (256l << 20)
#define BULK_COMMAND "head -c 268435456 /dev/zero"
#define BLOCK        (1 << 20)
#define ECHOES       2000
#define CROWD        200

static char mountpoint[PATH_MAX], scratch[64];

static _Noreturn void die(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* --- processes --- */

static pid_t start(const char *const *words, int in, int out)
{
    pid_t pid = fork();
    if (pid < 0)
        die("fork");
    if (pid == 0) {
        if (in >= 0)
            dup2(in, STDIN_FILENO);
        if (out >= 0)
            dup2(out, STDOUT_FILENO);
        close_range(3, ~0u, 0);
        execvp(words[0], (char *const *)(uintptr_t)words);
        _exit(127);
    }
    return pid;
}

static void finish(pid_t pid)
{
    int status;
    if (waitpid(pid, &status, 0) < 0 || status != 0) {
        fprintf(stderr, "bench: a rival failed with status %#x\n", status);
        exit(EXIT_FAILURE);
    }
}

static const char *const true_words[] = {"/bin/true", NULL};
/* The namespaces and mounts of the agent's sandboxes, without cgroups, filter or init. */
static const char *const bwrap_words[] = {"bwrap",
                                          "--unshare-pid",
                                          "--unshare-ipc",
                                          "--unshare-uts",
                                          "--unshare-cgroup-try",
                                          "--unshare-net",
                                          "--hostname",
                                          "student",
                                          "--ro-bind",
                                          "/usr",
                                          "/usr",
                                          "--symlink",
                                          "usr/bin",
                                          "/bin",
                                          "--symlink",
                                          "usr/lib",
                                          "/lib",
                                          "--symlink",
                                          "usr/lib64",
                                          "/lib64",
                                          "--proc",
                                          "/proc",
                                          "--dev",
                                          "/dev",
                                          "--tmpfs",
                                          "/tmp",
                                          "--tmpfs",
                                          "/dev/shm",
                                          "--dir",
                                          "/task",
                                          "--remount-ro",
                                          "/",
                                          "--new-session",
                                          "--die-with-parent",
                                          "--clearenv",
                                          "--",
                                          "/bin/true",
                                          NULL};

/* --- runs --- */

static void path_of(char *path, const char *run, const char *file)
{
    snprintf(path, PATH_MAX, "%.2000s/%s%s%s", mountpoint, run, *file ? "/" : "", file);
}

static int open_in(const char *run, const char *file, int flags)
{
    char path[PATH_MAX];
    path_of(path, run, file);
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0)
        die(path);
    return fd;
}

static void put(const char *run, const char *file, const char *text)
{
    int fd = open_in(run, file, O_WRONLY);
    if (write(fd, text, strlen(text)) < 0)
        die(file);
    close(fd);
}

static void run_begin(const char *run, const char *command)
{
    char path[PATH_MAX];
    path_of(path, run, "");
    if (mkdir(path, 0700) < 0)
        die(path);
    put(run, "cmd", command);
}

static void run_end(const char *run)
{
    char path[PATH_MAX], text[16] = "";
    int fd = open_in(run, "retval", O_RDONLY);
    if (read(fd, text, sizeof(text) - 1) < 0 || strcmp(text, "0\n") != 0) {
        fprintf(stderr, "bench: run %s ended with %s", run, text);
        exit(EXIT_FAILURE);
    }
    close(fd);
    path_of(path, run, "");
    if (rmdir(path) < 0)
        die(path);
}

/* --- the measures: each returns seconds --- */

static double true_ours(void)
{
    double t = now();
    run_begin("t", "true");
    run_end("t");
    return now() - t;
}

static double true_bwrap(void)
{
    double t = now();
    finish(start(bwrap_words, -1, -1));
    return now() - t;
}

static double true_bare(void)
{
    double t = now();
    finish(start(true_words, -1, -1));
    return now() - t;
}

static void drain(int fd)
{
    static char block[BLOCK];
    long total = 0;
    ssize_t n;
    while ((n = read(fd, block, sizeof(block))) > 0)
        total += n;
    if (n < 0 || total != BULK_BYTES) {
        fprintf(stderr, "bench: %ld bytes arrived of %ld\n", total, BULK_BYTES);
        exit(EXIT_FAILURE);
    }
}

static void feed(int fd)
{
    static char block[BLOCK];
    for (long left = BULK_BYTES; left > 0;) {
        ssize_t n = write(fd, block, sizeof(block));
        if (n < 0)
            die("write");
        left -= n;
    }
    close(fd);
}

static void bulk_begin(const char *command)
{
    char path[PATH_MAX];
    path_of(path, "b", "");
    if (mkdir(path, 0700) < 0)
        die(path);
    put("b", "output_limit", "0");
    put("b", "cmd", command);
}

static double stdout_ours(void)
{
    double t = now();
    bulk_begin(BULK_COMMAND);
    int fd = open_in("b", "stdout", O_RDONLY);
    drain(fd);
    close(fd);
    run_end("b");
    return now() - t;
}

static double stdout_pipe(void)
{
    static const char *const words[] = {"head", "-c", "268435456", "/dev/zero", NULL};
    int pipe_fds[2];
    double t = now();
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        die("pipe");
    pid_t pid = start(words, -1, pipe_fds[1]);
    close(pipe_fds[1]);
    drain(pipe_fds[0]);
    close(pipe_fds[0]);
    finish(pid);
    return now() - t;
}

static double stdin_ours(void)
{
    double t = now();
    bulk_begin("wc -c");
    feed(open_in("b", "stdin", O_WRONLY));
    run_end("b");
    return now() - t;
}

static double stdin_pipe(void)
{
    static const char *const words[] = {"wc", "-c", NULL};
    int pipe_fds[2], null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    double t = now();
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        die("pipe");
    pid_t pid = start(words, pipe_fds[0], null);
    close(pipe_fds[0]);
    feed(pipe_fds[1]);
    finish(pid);
    double seconds = now() - t;
    close(null);
    return seconds;
}

static void echo(int in, int out)
{
    char back[16];
    for (int i = 0; i < ECHOES; i++) {
        if (write(in, "12345\n", 6) != 6)
            die("write");
        for (ssize_t got = 0; got < 6;) {
            ssize_t n = read(out, back, sizeof(back));
            if (n <= 0)
                die("read");
            got += n;
        }
    }
}

static double echo_ours(void)
{
    run_begin("e", "cat");
    int in = open_in("e", "stdin", O_WRONLY), out = open_in("e", "stdout", O_RDONLY);
    double t = now();
    echo(in, out);
    t = now() - t;
    close(in);
    close(out);
    run_end("e");
    return t;
}

static double echo_pipes(void)
{
    static const char *const words[] = {"cat", NULL};
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
        die("pipe");
    pid_t pid = start(words, in[0], out[1]);
    close(in[0]);
    close(out[1]);
    double t = now();
    echo(in[1], out[0]);
    t = now() - t;
    close(in[1]);
    close(out[0]);
    finish(pid);
    return t;
}

static double crowd_ours(void)
{
    char name[16];
    double t = now();
    for (int i = 0; i < CROWD; i++) {
        snprintf(name, sizeof(name), "c%d", i);
        run_begin(name, "true");
    }
    for (int i = 0; i < CROWD; i++) {
        snprintf(name, sizeof(name), "c%d", i);
        run_end(name);
    }
    return now() - t;
}

static double crowd_bwrap(void)
{
    pid_t pids[CROWD];
    double t = now();
    for (int i = 0; i < CROWD; i++)
        pids[i] = start(bwrap_words, -1, -1);
    for (int i = 0; i < CROWD; i++)
        finish(pids[i]);
    return now() - t;
}

/* --- the table --- */

#define RIVALS_MAX 2

static const struct {
    const char *name;
    double (*ours)(void);
    double bytes; /* 0: a time, in ms; else a throughput, in MB/s */
    double unit;  /* how many of what is named are in one measure */
    struct {
        const char *name;
        double (*measure)(void);
    } rivals[RIVALS_MAX];
} rows[] = {
    {"one run of true, mkdir to rmdir",
     true_ours,
     0,
     1,
     {{"bwrap alone", true_bwrap}, {"fork+exec+wait", true_bare}}},
    {"stdout, 256 MiB by head -c, recorded",
     stdout_ours,
     (double)BULK_BYTES,
     1,
     {{"bare pipe", stdout_pipe}}},
    {"stdin, 256 MiB into wc -c", stdin_ours, (double)BULK_BYTES, 1, {{"bare pipe", stdin_pipe}}},
    {"echo round trip, a line", echo_ours, 0, ECHOES, {{"two bare pipes", echo_pipes}}},
    {"200 runs of true at once", crowd_ours, 0, 1, {{"200 bwrap at once", crowd_bwrap}}},
};

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *values, int n)
{
    qsort(values, (size_t)n, sizeof(double), compare);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

static void print_row(size_t row, double seconds, const char *name, double ours)
{
    double value =
        rows[row].bytes > 0 ? rows[row].bytes / seconds / 1e6 : seconds / rows[row].unit * 1e3;
    /* Of times, ours / rival; of throughputs the same, so that more is better there. */
    double ratio = rows[row].bytes > 0 ? seconds / ours : ours / seconds;
    printf("%-38s %-16s %9.3f %s", name == rows[row].name ? name : "",
           name == rows[row].name ? "studentfs" : name, value,
           rows[row].bytes > 0 ? "MB/s" : "ms  ");
    if (name != rows[row].name)
        printf("  %5.2f x", ratio);
    putchar('\n');
}

static void measure_row(size_t row, int rounds)
{
    double seconds[1 + RIVALS_MAX][ROUNDS_MAX];
    for (int i = -1; i < rounds; i++) { /* the first warms up */
        for (int k = 0; k <= RIVALS_MAX; k++) {
            double (*measure)(void) = k ? rows[row].rivals[k - 1].measure : rows[row].ours;
            double t = measure ? measure() : 0;
            if (i >= 0)
                seconds[k][i] = t;
        }
    }
    double ours = median(seconds[0], rounds);
    print_row(row, ours, rows[row].name, ours);
    for (int k = 1; k <= RIVALS_MAX; k++)
        if (rows[row].rivals[k - 1].measure)
            print_row(row, median(seconds[k], rounds), rows[row].rivals[k - 1].name, ours);
    fflush(stdout);
}

/* --- the mount --- */

static void unmount(void)
{
    char command[PATH_MAX + 64];
    snprintf(command, sizeof(command), "fusermount3 -u '%.2000s' && rm -rf '%s'", mountpoint,
             scratch);
    if (system(command) != 0)
        fprintf(stderr, "bench: %s is left\n", scratch);
}

static void mount_ours(const char *bin)
{
    char program[PATH_MAX], task[PATH_MAX];
    strcpy(scratch, "/tmp/studentfs-bench-XXXXXX");
    if (!mkdtemp(scratch))
        die(scratch);
    snprintf(mountpoint, sizeof(mountpoint), "%s/m", scratch);
    snprintf(task, sizeof(task), "%s/task", scratch);
    snprintf(program, sizeof(program), "%.1000s/studentfs", bin);
    if (mkdir(mountpoint, 0700) < 0 || mkdir(task, 0755) < 0)
        die(mountpoint);
    const char *words[] = {program, "--task", task, mountpoint, NULL};
    finish(start(words, -1, -1));
    atexit(unmount);
}

int main(int argc, char **argv)
{
    int rounds = 7;
    if (argc == 4 && strcmp(argv[1], "--rounds") == 0) {
        rounds = atoi(argv[2]);
        argv += 2;
        argc -= 2;
    }
    if (argc != 2 || rounds < 5 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "usage: bench [--rounds 5..%d] BIN_DIRECTORY\n", ROUNDS_MAX);
        return EXIT_FAILURE;
    }
    mount_ours(argv[1]);
    printf("medians of %d rounds\n", rounds);
    for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++)
        measure_row(row, rounds);
    return EXIT_SUCCESS;
}
