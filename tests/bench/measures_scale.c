/* How costs grow with what there is. */
#include "measures.h"
#include "process.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REPEAT 50 /* of one measure among n runs, while they exist */
/* After they were made: for a second the scheduler keeps who made them and the daemon on two CPUs,
 * where each request takes 40 us instead of 12, however many runs there are. */
#define REST_US 2000000

static void make_runs(long n)
{
    char name[24];
    for (long i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "x%ld", i);
        run_make(&by_fd, name);
    }
}

static void remove_runs(long n)
{
    char name[24];
    for (long i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "x%ld", i);
        run_remove(&by_fd, name);
    }
}

static double among_runs(long n, void (*act)(void))
{
    make_runs(n);
    usleep(REST_US);
    act();
    double t = now();
    for (int i = 0; i < REPEAT; i++)
        act();
    t = (now() - t) / REPEAT;
    remove_runs(n);
    return t;
}

/* A name that the kernel does not know yet, and attributes that it may not keep. */
static void act_stat(void)
{
    static unsigned count;
    char path[PATH_MAX + 32];
    struct stat st;
    snprintf(path, sizeof(path), "%.4000s/none%u", by_fd.point, count++);
    if (stat(path, &st) == 0)
        die(path);
    snprintf(path, sizeof(path), "%.4000s/x0", by_fd.point);
    if (stat(path, &st) < 0)
        die(path);
}

static void act_list(void)
{
    DIR *directory = opendir(by_fd.point);
    while (directory && readdir(directory))
        ;
    if (directory)
        closedir(directory);
}

static void act_true(void)
{
    true_ours(1);
}

double among_runs_stat(long n)
{
    return among_runs(n, act_stat);
}

double among_runs_list(long n)
{
    return among_runs(n, act_list);
}

double among_runs_true(long n)
{
    return among_runs(n, act_true);
}

/* --- reads that wait --- */

struct readers {
    pthread_t *threads;
    long n;
};

static void *wait_for_end(void *nothing)
{
    char text[8];
    int fd = run_open(&by_fd, "w", "retval", O_RDONLY);
    if (read(fd, text, sizeof(text)) < 0)
        die("a read that waits");
    close(fd);
    return nothing;
}

static long waiting_reads(void)
{
    char path[PATH_MAX + 16], line[256];
    long n = 0;
    snprintf(path, sizeof(path), "%.4000s/metrics", by_fd.point);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof(line), file))
        if (strncmp(line, "studentfs_waiting", 17) == 0)
            n = atol(strrchr(line, ' '));
    if (file)
        fclose(file);
    return n;
}

static void readers_start(struct readers *readers, long n)
{
    pthread_attr_t small;
    readers->threads = calloc((size_t)n, sizeof(pthread_t));
    readers->n = n;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 64 << 10);
    run_make(&by_fd, "w");
    for (long i = 0; i < n; i++)
        if (pthread_create(&readers->threads[i], &small, wait_for_end, NULL) != 0)
            die("a thread");
    pthread_attr_destroy(&small);
    while (waiting_reads() < n)
        usleep(1000);
}

static void readers_end(struct readers *readers)
{
    run_put(&by_fd, "w", "cmd", "true");
    for (long i = 0; i < readers->n; i++)
        pthread_join(readers->threads[i], NULL);
    free(readers->threads);
    run_remove(&by_fd, "w");
}

double among_readers_true(long n)
{
    struct readers readers;
    readers_start(&readers, n);
    act_true();
    double t = now();
    for (int i = 0; i < REPEAT; i++)
        act_true();
    t = (now() - t) / REPEAT;
    readers_end(&readers);
    return t;
}

/* --- both, against one run alone --- */

static double in_a_crowd(long n, void (*act)(void))
{
    struct readers readers;
    readers_start(&readers, n / 10);
    double t = among_runs(n, act);
    readers_end(&readers);
    return t;
}

double crowd_stat(long n)
{
    return in_a_crowd(n, act_stat);
}

double crowd_list(long n)
{
    return in_a_crowd(n, act_list);
}

double crowd_true(long n)
{
    return in_a_crowd(n, act_true);
}

double alone_stat(long n)
{
    (void)n;
    return among_runs(1, act_stat);
}

/* What it would be if it grew no faster than the runs. */
double tenth_list(long n)
{
    return 10 * among_runs(n / 10, act_list);
}

double alone_true(long n)
{
    (void)n;
    return among_runs(1, act_true);
}

/* --- memory --- */

static double bytes_of(pid_t pid, const char *file, const char *key)
{
    char path[64], line[256];
    long kib = -1;
    snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
    FILE *in = fopen(path, "re");
    while (in && fgets(line, sizeof(line), in))
        if (strncmp(line, key, strlen(key)) == 0)
            kib = atol(line + strlen(key));
    if (in)
        fclose(in);
    if (kib < 0)
        die(path);
    return (double)kib * 1024;
}

static double daemon_memory(void)
{
    return bytes_of(by_fd.daemon, "smaps_rollup", "Anonymous:");
}

double memory_per_run(long n)
{
    double before = daemon_memory();
    make_runs(n);
    double bytes = (daemon_memory() - before) / (double)n;
    remove_runs(n);
    return bytes;
}

double memory_per_reader(long n)
{
    struct readers readers;
    double before = daemon_memory();
    readers_start(&readers, n);
    double bytes = (daemon_memory() - before) / (double)n;
    readers_end(&readers);
    return bytes;
}

static bool is_named(pid_t pid, const char *name)
{
    char path[64], line[64] = "";
    snprintf(path, sizeof(path), "/proc/%d/comm", pid);
    FILE *in = fopen(path, "re");
    bool got = in && fgets(line, sizeof(line), in);
    if (in)
        fclose(in);
    return got && strncmp(line, name, strlen(name)) == 0;
}

static pid_t parent_of(pid_t pid)
{
    return (pid_t)(bytes_of(pid, "status", "PPid:") / 1024);
}

/* Of those that there are now; how many, and their bytes in all. */
static long sum_sandboxes(double *ret_bytes)
{
    long inits = 0;
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    *ret_bytes = 0;
    while (proc && (entry = readdir(proc))) {
        pid_t pid = atoi(entry->d_name);
        if (pid <= 0 || !is_named(pid, "student-init") || !is_named(parent_of(pid), "bwrap"))
            continue;
        *ret_bytes += bytes_of(pid, "smaps_rollup", "Pss:") +
                      bytes_of(parent_of(pid), "smaps_rollup", "Pss:");
        inits++;
    }
    if (proc)
        closedir(proc);
    return inits;
}

/* Of bwrap and of init, the median is not needed: they are all alike. The agent's own, n of them,
 * which may not be there yet. */
double memory_of_sandbox(long n)
{
    double bytes;
    usleep(REST_US);
    long inits = sum_sandboxes(&bytes);
    if (inits < n)
        die("a prepared sandbox");
    return bytes / (double)inits;
}
