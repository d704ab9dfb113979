/* The mounts of the benchmark. */
#include "mounted.h"

#include "process.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPTIONS_MAX 16

static const int awaited_signals[] = {SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM};

char scratch[64];

/* --- what is left at the end --- */

static int run_program(const char *const *words)
{
    int status;
    pid_t pid = process_start(words, -1, -1);
    return waitpid(pid, &status, 0) == pid ? status : -1;
}

static void unmount_all(void)
{
    char path[PATH_MAX];
    DIR *directory = opendir(scratch);
    struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        snprintf(path, sizeof(path), "%s/%s", scratch, entry->d_name);
        const char *const words[] = {"fusermount3", "-u", "-z", "-q", path, NULL};
        if (*entry->d_name != '.' && strcmp(entry->d_name, "task") != 0)
            run_program(words);
    }
    if (directory)
        closedir(directory);
}

/* Waits for the child, which is a process group of its own, or for a signal that is to end it. */
static int wait_for_child(pid_t child, const sigset_t *signals)
{
    int status = 0, signal;
    while ((signal = sigwaitinfo(signals, NULL)) == SIGCHLD || signal < 0)
        if (waitpid(child, &status, WNOHANG) == child)
            return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
    kill(-child, SIGKILL);
    waitpid(child, &status, 0);
    return 128 + signal;
}

static void leave_to_child(void)
{
    sigset_t signals, before;
    sigemptyset(&signals);
    for (size_t i = 0; i < sizeof(awaited_signals) / sizeof(awaited_signals[0]); i++)
        sigaddset(&signals, awaited_signals[i]);
    sigprocmask(SIG_BLOCK, &signals, &before);
    pid_t child = fork();
    if (child < 0)
        die("fork");
    setpgid(child, child); /* in both: neither may be too early */
    if (child == 0) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        return;
    }
    int status = wait_for_child(child, &signals);
    const char *const remove_words[] = {"rm", "-rf", "--one-file-system", scratch, NULL};
    unmount_all();
    run_program(remove_words);
    _exit(status);
}

void scratch_make(const char *bin)
{
    char path[PATH_MAX], program[PATH_MAX];
    strcpy(scratch, "/tmp/studentfs-bench-XXXXXX");
    if (!mkdtemp(scratch))
        die(scratch);
    leave_to_child();
    chmod(scratch, 0755);
    snprintf(path, sizeof(path), "%s/task", scratch);
    mkdir(path, 0755);
    snprintf(path, sizeof(path), "%s/task/student", scratch);
    mkdir(path, 0755);
    snprintf(program, sizeof(program), "%.1000s/bench-work", bin);
    const char *const words[] = {"cp", program, path, NULL};
    process_finish(process_start(words, -1, -1));
}

/* The words of a process's command line, with NULs between them. */
static size_t read_words(const char *pid, char *words, size_t size)
{
    char path[300];
    snprintf(path, sizeof(path), "/proc/%s/cmdline", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, words, size - 1);
    if (fd >= 0)
        close(fd);
    words[n > 0 ? n : 0] = 0;
    return n > 0 ? (size_t)n : 0;
}

static const char *word_after(const char *words, size_t size, const char *word)
{
    for (const char *at = words; at < words + size; at += strlen(at) + 1)
        if (strcmp(at, word) == 0)
            return at + strlen(at) + 1;
    return NULL;
}

static const char *last_word(const char *words, size_t size)
{
    const char *last = words;
    for (const char *at = words; at < words + size; at += strlen(at) + 1)
        last = at;
    return last;
}

static pid_t parent_of(pid_t pid)
{
    char path[64], line[512];
    int parent = 0;
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    if (file && fgets(line, sizeof(line), file) && strrchr(line, ')'))
        sscanf(strrchr(line, ')'), ") %*c %d", &parent);
    if (file)
        fclose(file);
    return parent;
}

/* The daemon by its mount point, its agent as its child. */
static void find_processes(struct mounted *mounted)
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    char words[8192];
    for (int round = 0; round < 2 && proc; round++, rewinddir(proc)) {
        while ((entry = readdir(proc))) {
            pid_t pid = atoi(entry->d_name);
            size_t size = pid > 0 ? read_words(entry->d_name, words, sizeof(words)) : 0;
            if (size == 0)
                continue;
            const char *sockets = word_after(words, size, "--sockets");
            if (round == 0 && strcmp(last_word(words, size), mounted->point) == 0) {
                mounted->daemon = pid;
            } else if (round == 1 && sockets && parent_of(pid) == mounted->daemon) {
                mounted->agent = pid;
                snprintf(mounted->sockets, sizeof(mounted->sockets), "%s", sockets);
            }
        }
    }
    if (proc)
        closedir(proc);
}

void mounted_start(struct mounted *mounted, const char *bin, const char *name,
                   const char *const *options)
{
    char program[PATH_MAX], task[128];
    snprintf(mounted->point, sizeof(mounted->point), "%s/%s", scratch, name);
    snprintf(task, sizeof(task), "%s/task", scratch);
    snprintf(program, sizeof(program), "%.1000s/studentfs", bin);
    if (mkdir(mounted->point, 0700) < 0)
        die(mounted->point);
    const char *words[OPTIONS_MAX] = {program, "--task", task, "--max-runs", "20000"};
    size_t n = 5;
    while (*options && n + 2 < OPTIONS_MAX)
        words[n++] = *options++;
    words[n] = mounted->point;
    process_finish(process_start(words, -1, -1));
    find_processes(mounted);
}

/* --- runs --- */

static void path_of(char *path, const struct mounted *mounted, const char *run, const char *file)
{
    snprintf(path, PATH_MAX, "%.2000s/%s%s%s", mounted->point, run, *file ? "/" : "", file);
}

void run_make(const struct mounted *mounted, const char *run)
{
    char path[PATH_MAX];
    path_of(path, mounted, run, "");
    if (mkdir(path, 0700) < 0)
        die(path);
}

int run_open(const struct mounted *mounted, const char *run, const char *file, int flags)
{
    char path[PATH_MAX];
    path_of(path, mounted, run, file);
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0)
        die(path);
    return fd;
}

void run_put(const struct mounted *mounted, const char *run, const char *file, const char *text)
{
    int fd = run_open(mounted, run, file, O_WRONLY);
    if (write(fd, text, strlen(text)) < 0)
        die(file);
    close(fd);
}

void run_begin(const struct mounted *mounted, const char *run, const char *command)
{
    run_make(mounted, run);
    run_put(mounted, run, "cmd", command);
}

void run_remove(const struct mounted *mounted, const char *run)
{
    char path[PATH_MAX];
    path_of(path, mounted, run, "");
    if (rmdir(path) < 0)
        die(path);
}

void run_end(const struct mounted *mounted, const char *run)
{
    char text[16] = "";
    int fd = run_open(mounted, run, "retval", O_RDONLY);
    if (read(fd, text, sizeof(text) - 1) < 0 || strcmp(text, "0\n") != 0) {
        fprintf(stderr, "bench: run %s ended with %s\n", run, text);
        exit(EXIT_FAILURE);
    }
    close(fd);
    run_remove(mounted, run);
}
