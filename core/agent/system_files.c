/* The task's system files. */
#include "system_files.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define SIZE_MAX_BYTES (1 << 20) /* of each; they are copied for each sandbox */

static const struct {
    const char *name, *machine;
    const char *otherwise; /* where the machine's is not to be shown */
    bool replaces;         /* else it is appended */
} files[SYSTEM_FILE_COUNT] = {
    [SYSTEM_HOSTS] = {"hosts", "/etc/hosts", "127.0.0.1\tlocalhost\n::1\tlocalhost\n", false},
    [SYSTEM_RESOLV] = {"resolv.conf", "/etc/resolv.conf", "", true},
};

bool system_files_are_there(const char *directory)
{
    struct stat st;
    return lstat(directory, &st) == 0 && S_ISDIR(st.st_mode);
}

/* FNV-1a, a word at a time. */
static uint64_t mix(uint64_t hash, uint64_t value)
{
    return (hash ^ value) * UINT64_C(0x100000001b3);
}

static uint64_t mix_file(uint64_t hash, const char *path)
{
    struct stat st;
    if (lstat(path, &st) < 0)
        return mix(hash, 0);
    const uint64_t values[] = {st.st_dev,
                               st.st_ino,
                               st.st_mode,
                               (uint64_t)st.st_size,
                               (uint64_t)st.st_mtim.tv_sec,
                               (uint64_t)st.st_mtim.tv_nsec,
                               (uint64_t)st.st_ctim.tv_nsec};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        hash = mix(hash, values[i]);
    return hash;
}

uint64_t system_files_stamp(const char *directory)
{
    char path[PATH_MAX];
    struct stat st;
    if (lstat(directory, &st) < 0 || !S_ISDIR(st.st_mode))
        return 0;
    uint64_t hash = mix(mix(UINT64_C(0xcbf29ce484222325), st.st_dev), st.st_ino);
    for (int i = 0; i < SYSTEM_FILE_COUNT; i++) {
        snprintf(path, sizeof(path), "%s/%s", directory, files[i].name);
        hash = mix_file(hash, path);
    }
    return hash ? hash : 1;
}

/* No link is followed, and nothing but a file is read. */
static int open_file(const char *path, int flags)
{
    struct stat st;
    _cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | flags);
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    return st.st_size > SIZE_MAX_BYTES ? -EFBIG : fd_steal(&fd);
}

static int write_all(int to, const char *data, size_t size)
{
    return write(to, data, size) == (ssize_t)size ? 0 : -EIO; /* memory: it is taken whole */
}

static int copy(int from, int to)
{
    char bytes[4096];
    size_t all = 0;
    for (ssize_t n; (n = read(from, bytes, sizeof(bytes))) != 0; all += (size_t)n) {
        int r = n < 0 ? -errno : all > SIZE_MAX_BYTES ? -EFBIG : write_all(to, bytes, (size_t)n);
        if (r < 0)
            return r;
    }
    return 0;
}

/* What it is without the task's. */
static int put_base(enum system_file file, bool shares_network, int to)
{
    const char *otherwise = files[file].otherwise;
    if (shares_network) {
        _cleanup_close_ int machine = open_file(files[file].machine, 0);
        if (machine >= 0)
            return copy(machine, to);
    }
    return write_all(to, otherwise, strlen(otherwise));
}

static int make(enum system_file file, const char *path, bool shares_network, int *ret_fd)
{
    _cleanup_close_ int task = open_file(path, O_NOFOLLOW);
    _cleanup_close_ int fd = memfd_create(files[file].name, MFD_CLOEXEC);
    int r = fd < 0 ? -errno : 0;
    if (task < 0 && task != -ENOENT)
        return task;
    if (r == 0 && (task < 0 || !files[file].replaces))
        r = put_base(file, shares_network, fd);
    if (r == 0 && task >= 0)
        r = copy(task, fd);
    if (r == 0)
        *ret_fd = fd_steal(&fd);
    return r;
}

int system_files_open(const char *directory, bool shares_network, int ret_fds[SYSTEM_FILE_COUNT],
                      char *ret_reason, size_t size)
{
    char path[PATH_MAX];
    int fds[SYSTEM_FILE_COUNT] = {-1, -1};
    for (int i = 0; i < SYSTEM_FILE_COUNT; i++) {
        snprintf(path, sizeof(path), "%s/%s", directory, files[i].name);
        int r = make((enum system_file)i, path, shares_network, &fds[i]);
        if (r < 0) {
            snprintf(ret_reason, size, "/task/systemfiles/%s: %s", files[i].name,
                     r == -EINVAL || r == -ELOOP ? "not a regular file" : strerror(-r));
            fd_clear(&fds[SYSTEM_HOSTS]);
            return r;
        }
    }
    memcpy(ret_fds, fds, sizeof(fds));
    return 0;
}
