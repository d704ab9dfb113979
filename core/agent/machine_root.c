/* The machine's programs as a root file system. */
#include "machine_root.h"

#include "base/cleanup.h"
#include "bwrap.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define READ_ONLY (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
/* As bwrap's. */
#define TERMINALS "newinstance,ptmxmode=0666,mode=620"

const char *const machine_top[] = {"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", NULL};
const char *const machine_etc[] = {"/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf",
                                   "/etc/ld.so.conf.d", "/etc/localtime",   "/etc/java*",
                                   "/etc/python3*",     "/etc/perl",        NULL};

/* --- what it is made of --- */

static const char *inside(char path[PATH_MAX], const char *name)
{
    snprintf(path, PATH_MAX, MACHINE_ROOT "%s", name);
    return path;
}

static int make_directory(const char *name, mode_t mode)
{
    char path[PATH_MAX];
    return mkdir(inside(path, name), mode) < 0 ? -errno : 0;
}

static int make_file(const char *name, const char *text)
{
    char path[PATH_MAX];
    _cleanup_close_ int fd =
        open(inside(path, name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return -errno;
    return write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -EIO;
}

static int make_link(const char *target, const char *name)
{
    char path[PATH_MAX];
    return symlink(target, inside(path, name)) < 0 ? -errno : 0;
}

/* Private as well: what is mounted there later would be writable. An update takes it in. */
static int set_attributes(const char *name, uint64_t attributes)
{
    char path[PATH_MAX];
    struct mount_attr attr = {.attr_set = attributes, .propagation = MS_PRIVATE};
    return mount_setattr(AT_FDCWD, inside(path, name), AT_RECURSIVE, &attr, sizeof(attr)) < 0
               ? -errno
               : 0;
}

/* The file or directory at from, with what is mounted in it. */
static int attach(const char *from, const char *name)
{
    char path[PATH_MAX];
    struct stat st;
    if (stat(from, &st) < 0)
        return -errno;
    int r = S_ISDIR(st.st_mode) ? make_directory(name, 0755) : make_file(name, "");
    if (r < 0)
        return r;
    return mount(from, inside(path, name), NULL, MS_BIND | MS_REC, NULL) < 0 ? -errno : 0;
}

/* Where there is one. */
static int show(const char *from, const char *name)
{
    int r = attach(from, name);
    return r < 0 ? (r == -ENOENT ? 0 : r) : set_attributes(name, READ_ONLY);
}

static int add_programs(void)
{
    int r = show("/usr", "/usr");
    for (const char *const *top = machine_top; *top && r == 0; top++) {
        char target[256];
        ssize_t size = readlink(*top, target, sizeof(target) - 1);
        if (size > 0)
            target[size] = 0;
        r = size > 0 ? make_link(target, *top) : show(*top, *top);
    }
    return r;
}

static int add_etc(void)
{
    glob_t found = {0};
    int r = make_directory("/etc", 0755);
    for (size_t i = 0; machine_etc[i]; i++)
        glob(machine_etc[i], i ? GLOB_APPEND : 0, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc && r == 0; i++)
        r = show(found.gl_pathv[i], found.gl_pathv[i]);
    globfree(&found);
    if (r == 0)
        r = make_file("/etc/passwd", STUDENT_PASSWD);
    return r < 0 ? r : make_file("/etc/group", STUDENT_GROUP);
}

/* Bound, for the spawner has not kept what it takes to make them. */
static int add_devices(void)
{
    static const char *const devices[] = {"/dev/null",   "/dev/zero",    "/dev/full",
                                          "/dev/random", "/dev/urandom", "/dev/tty"};
    int r = 0;
    for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]) && r == 0; i++)
        r = attach(devices[i], devices[i]);
    return r;
}

static int add_dev(void)
{
    static const struct {
        const char *target, *name;
    } links[] = {{"/proc/self/fd/0", "/dev/stdin"},  {"/proc/self/fd/1", "/dev/stdout"},
                 {"/proc/self/fd/2", "/dev/stderr"}, {"/proc/self/fd", "/dev/fd"},
                 {"/proc/kcore", "/dev/core"},       {"pts/ptmx", "/dev/ptmx"}};
    char path[PATH_MAX];
    int r = make_directory("/dev", 0755);
    if (r == 0 && mount("tmpfs", inside(path, "/dev"), "tmpfs", MS_NOSUID, "mode=0755,size=1m") < 0)
        r = -errno;
    if (r == 0)
        r = add_devices();
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]) && r == 0; i++)
        r = make_link(links[i].target, links[i].name);
    if (r == 0)
        r = make_directory("/dev/pts", 0755);
    if (r == 0)
        r = make_directory("/dev/shm", 0755);
    return r < 0 ? r : set_attributes("/dev", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID);
}

static int add_places(void)
{
    static const struct {
        const char *name;
        mode_t mode;
    } places[] = {
        {"/proc", 0755}, {"/tmp", 01777}, {"/run", 0755}, {"/task", 0755}, {"/task/student", 0755}};
    int r = 0;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && r == 0; i++)
        r = make_directory(places[i].name, places[i].mode);
    return r;
}

/* --- the whole --- */

static int build(const struct machine_root *root)
{
    int r = add_programs();
    if (r == 0)
        r = add_etc();
    if (r == 0)
        r = add_places();
    if (r == 0)
        r = show(root->init, "/student-init");
    if (r == 0)
        r = add_dev();
    if (r < 0)
        return r;
    struct mount_attr attr = {.attr_set = READ_ONLY, .propagation = MS_PRIVATE};
    return mount_setattr(AT_FDCWD, MACHINE_ROOT, 0, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

static int make(struct machine_root *root)
{
    mode_t mask = umask(0);
    int r = 0;
    if (mount("studentfs", MACHINE_ROOT, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m") < 0)
        r = -errno;
    root->is_there = r == 0;
    if (r == 0)
        r = build(root);
    umask(mask);
    return r;
}

/* --- whether the machine has changed --- */

/* FNV-1a, a word at a time. */
static uint64_t mix(uint64_t hash, uint64_t value)
{
    return (hash ^ value) * UINT64_C(0x100000001b3);
}

/* In a directory nothing comes, goes or is put in another's place without its times changing. */
static uint64_t look(void)
{
    static const char *const paths[] = {"/", "/etc", "/etc/localtime"};
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct stat st = {0};
        if (stat(paths[i], &st) < 0)
            continue;
        hash = mix(mix(hash, st.st_dev), st.st_ino);
        hash = mix(mix(hash, (uint64_t)st.st_ctim.tv_sec), (uint64_t)st.st_ctim.tv_nsec);
    }
    return hash;
}

/* Since the last look. */
static bool is_table_changed(const struct machine_root *root)
{
    struct pollfd table = {.fd = root->mounts, .events = POLLPRI};
    return poll(&table, 1, 0) > 0;
}

static void drop(struct machine_root *root)
{
    if (root->is_there)
        umount2(MACHINE_ROOT, MNT_DETACH);
    root->is_there = false;
}

int machine_root_update(struct machine_root *root)
{
    uint64_t stamp = look();
    if (!root->init)
        return -ENOTSUP;
    if (root->mounts < 0 && (root->mounts = open("/proc/self/mounts", O_RDONLY | O_CLOEXEC)) < 0)
        return -errno;
    if (!is_table_changed(root) && root->is_there && root->stamp == stamp)
        return 0;
    drop(root);
    root->stamp = stamp;
    int r = make(root);
    if (r < 0)
        drop(root);
    is_table_changed(root); /* by us */
    return r;
}

int machine_root_enter(void)
{
    if (unshare(CLONE_NEWNS) < 0 ||
        mount("devpts", MACHINE_ROOT "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, TERMINALS) < 0)
        return -errno;
    return 0;
}
