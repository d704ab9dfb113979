/* A walk through the student's directory. */
#include "disk_scan.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define OPEN_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)

static int enter(struct disk_scan *scan, int parent, const char *name)
{
    _cleanup_close_ int fd = openat(parent, name, OPEN_FLAGS);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (!directory)
        return -errno;
    fd_steal(&fd);
    scan->levels[scan->depth++] = directory;
    return 0;
}

int disk_scan_start(struct disk_scan *scan, int directory, uid_t uid, const struct timespec *since,
                    uint64_t enough)
{
    struct stat st;
    disk_scan_stop(scan);
    *scan = (struct disk_scan){.uid = uid, .since = *since, .enough = enough};
    if (fstat(directory, &st) < 0)
        return -errno;
    scan->dev = st.st_dev;
    return enter(scan, directory, ".");
}

static bool counts(const struct disk_scan *scan, const struct stat *st)
{
    const struct timespec *changed = &st->st_ctim;
    /* A link's own mode says nothing. */
    bool is_everybodys = (st->st_mode & S_IWOTH) && !S_ISLNK(st->st_mode);
    if (st->st_uid != scan->uid && !is_everybodys)
        return false;
    return changed->tv_sec > scan->since.tv_sec ||
           (changed->tv_sec == scan->since.tv_sec && changed->tv_nsec >= scan->since.tv_nsec);
}

static void look_at(struct disk_scan *scan, int parent, const char *name)
{
    struct stat st;
    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0 ||
        st.st_dev != scan->dev)
        return;
    bool is_his = counts(scan, &st);
    scan->found += is_his;
    if (!S_ISDIR(st.st_mode))
        return;
    /* One that has gone is passed over. */
    if (scan->depth == DISK_SCAN_DEPTH || (enter(scan, parent, name) == -EACCES && is_his))
        scan->found = scan->enough;
}

bool disk_scan_go_on(struct disk_scan *scan, unsigned entries)
{
    for (; entries > 0 && scan->depth > 0 && scan->found < scan->enough; entries--) {
        DIR *directory = scan->levels[scan->depth - 1];
        const struct dirent *entry = readdir(directory);
        if (!entry) {
            closedir(directory);
            scan->depth--;
        } else if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            look_at(scan, dirfd(directory), entry->d_name);
        }
    }
    if (scan->found >= scan->enough)
        disk_scan_stop(scan);
    return scan->depth > 0;
}

void disk_scan_stop(struct disk_scan *scan)
{
    while (scan->depth > 0)
        closedir(scan->levels[--scan->depth]);
}
