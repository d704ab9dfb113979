/* Time, processes, rivals. */
#include "process.h"

#include "mounted.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORDS_MAX 128

const char *const true_words[] = {"/bin/true", NULL};
int null_fd = -1;

_Noreturn void die(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

pid_t process_start(const char *const *words, int in, int out)
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

void process_finish(pid_t pid)
{
    int status;
    if (waitpid(pid, &status, 0) < 0 || status != 0) {
        fprintf(stderr, "bench: a process failed with status %#x\n", status);
        exit(EXIT_FAILURE);
    }
}

double process_time(const char *const *words)
{
    double t = now();
    process_finish(process_start(words, null_fd, null_fd));
    return now() - t;
}

double process_time_of_many(const char *const *words, long n)
{
    pid_t *pids = calloc((size_t)n, sizeof(*pids));
    if (!pids)
        die("memory");
    double t = now();
    for (long i = 0; i < n; i++)
        pids[i] = process_start(words, null_fd, null_fd);
    for (long i = 0; i < n; i++)
        process_finish(pids[i]);
    free(pids);
    return now() - t;
}

const char *const *bwrap_words(const char *const *command)
{
    static const char *const fixed[] = {"bwrap",
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
                                        "--size",
                                        "67108864",
                                        "--perms",
                                        "1777",
                                        "--tmpfs",
                                        "/tmp",
                                        "--size",
                                        "67108864",
                                        "--perms",
                                        "1777",
                                        "--tmpfs",
                                        "/dev/shm",
                                        "--bind",
                                        NULL,
                                        "/task/student",
                                        "--remount-ro",
                                        "/",
                                        "--remount-ro",
                                        "/dev",
                                        "--new-session",
                                        "--die-with-parent",
                                        "--clearenv",
                                        "--setenv",
                                        "PATH",
                                        "/usr/bin",
                                        "--"};
    static const char *words[WORDS_MAX];
    static char student[128];
    size_t n = sizeof(fixed) / sizeof(fixed[0]);
    snprintf(student, sizeof(student), "%s/task/student", scratch);
    for (size_t i = 0; i < n; i++)
        words[i] = fixed[i] ? fixed[i] : student;
    while (*command && n + 1 < WORDS_MAX)
        words[n++] = *command++;
    words[n] = NULL;
    return words;
}
