/* A private directory. */
#include "embedded/runtime_dir.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statfs.h>

/* Of those that are nobody's mount point's. */
#define ONCE  "once-"
#define TRIES 16

/* FNV-1a: a name for a path; two mount points with one name would only refuse the second. */
static uint64_t hash(const char *text)
{
    uint64_t value = UINT64_C(0xcbf29ce484222325);
    for (; *text; text++)
        value = (value ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return value;
}

static bool is_in_memory(const char *path)
{
    struct statfs fs;
    return statfs(path, &fs) == 0 && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

/*
 * Each run makes and removes two files here: on ext4 that takes ten times as long as in memory,
 * a seventh of all that a run takes. /run is in memory but on the odd machine that has no systemd.
 * It is not for every root: one of a user namespace may not write there.
 */
static const char *choose_base(void)
{
    const char *base = getenv("XDG_RUNTIME_DIR");
    if (base && *base == '/' && access(base, W_OK) == 0)
        return base;
    base = geteuid() == 0 && access("/run", W_OK) == 0 ? "/run" : "/tmp";
    return !is_in_memory(base) && is_in_memory("/dev/shm") ? "/dev/shm" : base;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st, (void)kind, (void)ftw;
    return remove(path);
}

static void remove_tree(const char *path)
{
    nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* What is there, if it is a directory of ours and nobody else's: who else could be in it could have
 * us remove other files than we see. */
static int open_own(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) < 0 || st.st_uid != geteuid() || st.st_mode & 077) {
        close(fd);
        return -EPERM;
    }
    return fd;
}

static int open_directory(const char *path)
{
    return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : open_own(path);
}

static int prepare(struct runtime_dir *dir)
{
    dir->lock = open_directory(dir->path);
    if (dir->lock < 0)
        return dir->lock;
    if (flock(dir->lock, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? -EBUSY : -errno;
    if (asprintf(&dir->sockets, "%s/s", dir->path) < 0) {
        dir->sockets = NULL;
        return -ENOMEM;
    }
    remove_tree(dir->sockets);
    return mkdir(dir->sockets, 0700) < 0 ? -errno : 0;
}

static int open_named(struct runtime_dir *dir, const char *kind, uint64_t number)
{
    *dir = (struct runtime_dir){.lock = -1};
    if (asprintf(&dir->path, "%s/studentfs-%u-%s%016" PRIx64, choose_base(), (unsigned)geteuid(),
                 kind, number) < 0)
        dir->path = NULL;
    int r = dir->path ? prepare(dir) : -ENOMEM;
    if (r < 0) {
        fd_clear(&dir->lock);
        free(dir->sockets);
        free(dir->path);
        *dir = (struct runtime_dir){.lock = -1};
    }
    return r;
}

int runtime_dir_init(struct runtime_dir *dir, const char *mountpoint)
{
    return open_named(dir, "", hash(mountpoint));
}

/* The lock is taken where nobody has it any more. */
static void remove_if_left(const char *path)
{
    int fd = open_own(path);
    if (fd < 0)
        return;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        remove_tree(path);
    close(fd);
}

static void remove_left_ones(void)
{
    _cleanup_free_ char *pattern = NULL;
    glob_t found = {0};
    if (asprintf(&pattern, "%s/studentfs-%u-" ONCE "*", choose_base(), (unsigned)geteuid()) < 0) {
        pattern = NULL;
        return;
    }
    if (glob(pattern, GLOB_NOSORT, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++)
            remove_if_left(found.gl_pathv[i]);
    globfree(&found);
}

/* Whether it is there still: between its making and its lock somebody may have taken it for left.
 */
static bool is_there(const struct runtime_dir *dir)
{
    struct stat st, named;
    return fstat(dir->lock, &st) == 0 && stat(dir->path, &named) == 0 &&
           st.st_ino == named.st_ino && st.st_dev == named.st_dev;
}

int runtime_dir_init_once(struct runtime_dir *dir)
{
    int r = -EBUSY;
    remove_left_ones();
    for (int i = 0; i < TRIES && r < 0; i++) {
        uint64_t number;
        if (getrandom(&number, sizeof(number), 0) != sizeof(number))
            return -errno;
        r = open_named(dir, ONCE, number);
        if (r == 0 && !is_there(dir)) {
            runtime_dir_deinit(dir);
            r = -EBUSY;
        }
        if (r < 0 && r != -EBUSY && r != -ENOENT)
            return r;
    }
    return r;
}

void runtime_dir_deinit(struct runtime_dir *dir)
{
    if (!dir->path)
        return;
    remove_tree(dir->path); /* before the lock goes: nobody else is in it */
    fd_clear(&dir->lock);
    free(dir->sockets);
    free(dir->path);
    dir->path = NULL;
}
