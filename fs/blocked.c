/* Whether a run waits for its input: see blocked.h. */
#include "blocked.h"

#include "base/cleanup.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Threads looked at: what asks is answered at once. Those who read are the first ones mostly. */
#define THREADS_MAX 256

struct search {
    int proc;
    dev_t dev; /* the pipe */
    ino_t ino;
    unsigned left;
};

static bool is_pipe(const struct search *search, const char *process, long fd)
{
    char path[64];
    struct stat st;
    snprintf(path, sizeof(path), "%.16s/fd/%ld", process, fd);
    return fstatat(search->proc, path, &st, 0) == 0 && st.st_dev == search->dev &&
           st.st_ino == search->ino;
}

/* Its system call and first argument, or "running". */
static bool is_reading(const struct search *search, const char *process, const char *thread)
{
    char path[64], text[64] = "";
    long number, fd;
    snprintf(path, sizeof(path), "%.16s/task/%.16s/syscall", process, thread);
    _cleanup_close_ int file = openat(search->proc, path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || read(file, text, sizeof(text) - 1) <= 0)
        return false;
    if (sscanf(text, "%ld %li", &number, &fd) != 2)
        return false;
    bool reads =
        number == SYS_read || number == SYS_readv || number == SYS_splice || number == SYS_tee;
    return reads && is_pipe(search, process, fd);
}

typedef bool entry_fn(struct search *search, const char *process, const char *name);

/* Calls fn for each entry of the directory that is a number, until it says true. */
static bool any_entry(struct search *search, const char *path, const char *process, entry_fn *fn)
{
    bool found = false;
    int fd = openat(search->proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (!directory) {
        fd_clear(&fd);
        return false;
    }
    for (struct dirent *entry; !found && search->left > 0 && (entry = readdir(directory));)
        if (*entry->d_name >= '0' && *entry->d_name <= '9')
            found = fn(search, process, entry->d_name);
    closedir(directory);
    return found;
}

static bool look_at_thread(struct search *search, const char *process, const char *thread)
{
    search->left--;
    return is_reading(search, process, thread);
}

static bool look_at_process(struct search *search, const char *process, const char *name)
{
    char path[64];
    (void)process;
    snprintf(path, sizeof(path), "%.16s/task", name);
    return any_entry(search, path, name, look_at_thread);
}

bool blocked_on_pipe(pid_t init, int pipe_fd, ino_t relay)
{
    char path[64];
    struct stat st;
    int unread;
    if (init <= 0 || ioctl(pipe_fd, FIONREAD, &unread) < 0 || unread > 0 || fstat(pipe_fd, &st) < 0)
        return false;
    snprintf(path, sizeof(path), "/proc/%d/root/proc", init);
    _cleanup_close_ int proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (proc < 0)
        return false;
    struct search search = {
        .proc = proc, .dev = st.st_dev, .ino = relay ? relay : st.st_ino, .left = THREADS_MAX};
    return any_entry(&search, ".", "", look_at_process);
}
