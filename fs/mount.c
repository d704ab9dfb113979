/* The mount itself. */
#include "mount.h"

#include "obstacle.h"

#include "base/cleanup.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>

/* Requests handled in one go, before others on the loop have their turn. */
#define BURST_MAX 64

/* Requests closer than that are a conversation, in which the next one is looked out for so long. */
#define CONVERSATION_NS (100 * NS_PER_US)
#define SPIN_NS         (30 * NS_PER_US)

extern char **environ;

/* An ordinary user needs fusermount3 for it; root needs no program. */
static int unmount_lazily(const char *path)
{
    if (geteuid() == 0)
        return umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 ? -errno : 0;
    const char *arguments[] = {"fusermount3", "-u", "-z", "-q", "--", path, NULL};
    pid_t pid;
    int status;
    int r =
        -posix_spawnp(&pid, arguments[0], NULL, NULL, (char *const *)(uintptr_t)arguments, environ);
    if (r < 0)
        return r;
    if (waitpid(pid, &status, 0) < 0)
        return -errno;
    return status == 0 ? 0 : -EPERM;
}

/* The path of a mount point that cannot be stat()ed: its parent can. */
static char *absolute_path(const char *path)
{
    char *copy = strdup(path), *parent = NULL, *absolute = NULL;
    if (!copy)
        return NULL;
    for (size_t n = strlen(copy); n > 1 && copy[n - 1] == '/'; n--)
        copy[n - 1] = 0;
    char *slash = strrchr(copy, '/');
    const char *name = slash ? slash + 1 : copy;
    if (slash == copy)
        absolute = strdup(copy);
    else if (slash)
        *slash = 0;
    if (!absolute)
        parent = realpath(slash ? copy : ".", NULL);
    if (parent && asprintf(&absolute, "%s/%s", strcmp(parent, "/") ? parent : "", name) < 0)
        absolute = NULL;
    free(parent);
    free(copy);
    return absolute;
}

static int refuse(const char *path, const char *why, int error)
{
    log_error("%s: %s", path, why);
    return error;
}

/* Another device than its parent's: something is mounted there. */
static bool is_mount_point(const char *path, const struct stat *st)
{
    char *parent;
    struct stat above;
    if (asprintf(&parent, "%s/..", path) < 0)
        return false;
    bool mounted = stat(parent, &above) == 0 && above.st_dev != st->st_dev;
    free(parent);
    return mounted;
}

/* After its daemon's death the kernel still knows the attributes: statfs() asks the daemon. */
static bool look(const char *path, struct stat *ret_st)
{
    struct statfs fs;
    return stat(path, ret_st) == 0 && statfs(path, &fs) == 0;
}

static bool is_fuse(const char *path)
{
    struct statfs fs;
    return statfs(path, &fs) == 0 && fs.f_type == FUSE_SUPER_MAGIC;
}

/* True also where it cannot be listed. */
static bool is_empty(const char *path)
{
    unsigned n = 0;
    DIR *directory = opendir(path);
    if (!directory)
        return true;
    while (n < 3 && readdir(directory)) /* besides . and .. */
        n++;
    closedir(directory);
    return n < 3;
}

/* Or the directory itself. */
static bool lies_in(const char *path, const char *directory)
{
    size_t n = strcmp(directory, "/") == 0 ? 0 : strlen(directory);
    return strncmp(path, directory, n) == 0 && (path[n] == '/' || path[n] == 0);
}

int mount_point_check_task(const char *path, const char *task)
{
    _cleanup_free_ char *name = NULL, *student = NULL;
    if (lies_in(task, path))
        return refuse(path, "the task's directory lies in it, and would be hidden", -EINVAL);
    if (asprintf(&name, "%s/student", task) < 0) {
        name = NULL;
        return -ENOMEM;
    }
    student = realpath(name, NULL);
    if (student && lies_in(path, student))
        return refuse(path, "it lies in the task's student/, which the students see", -EINVAL);
    return 0;
}

int mount_point_prepare(const char *path, char **ret_path)
{
    struct stat st;
    bool there = look(path, &st);
    if (!there && errno == ENOTCONN) {
        _cleanup_free_ char *stale = absolute_path(path);
        if (!stale || unmount_lazily(stale) < 0)
            return refuse(path, "a stale mount that cannot be cleared; try fusermount3 -u -z",
                          -EBUSY);
        there = look(path, &st);
    }
    if (!there && errno == ENOENT)
        return refuse(path, "no such directory; make it with mkdir", -ENOENT);
    if (!there)
        return refuse(path, strerror(errno), -errno);
    if (!S_ISDIR(st.st_mode))
        return refuse(path, "not a directory", -ENOTDIR);
    /* A studentfs there is refused; another file system's root may well be mounted over. */
    char *absolute = realpath(path, NULL);
    if (!absolute)
        return refuse(path, strerror(errno), -errno);
    if (is_fuse(path) && is_mount_point(absolute, &st)) {
        free(absolute);
        return refuse(path, "something is mounted there already; fusermount3 -u ends it", -EBUSY);
    }
    if (!is_empty(path))
        fprintf(stderr, "studentfs: %s is not empty: what is in it is hidden until the end\n",
                path);
    *ret_path = absolute;
    return 0;
}

void mount_expect_more(struct mount *mount)
{
    uint64_t now = monotonic_ns();
    if (mount->may_spin && now - mount->last_ns < CONVERSATION_NS)
        loop_spin(mount->loop, SPIN_NS);
    mount->last_ns = now;
}

static void on_request(struct watch *watch, uint32_t events)
{
    (void)events;
    struct mount *mount = container_of(watch, struct mount, watch);
    for (int i = 0; i < BURST_MAX; i++) {
        int r = fuse_session_receive_buf(mount->session, &mount->buffer);
        if (r == -EAGAIN || r == -EINTR)
            return;
        if (r <= 0) { /* unmounted, or the connection was aborted */
            loop_stop(mount->loop);
            return;
        }
        fuse_session_process_buf(mount->session, &mount->buffer);
    }
}

static int session_new(struct mount *mount, const char *options,
                       const struct fuse_lowlevel_ops *operations, void *userdata)
{
    struct fuse_args arguments = FUSE_ARGS_INIT(0, NULL);
    fuse_opt_add_arg(&arguments, "studentfs");
    fuse_opt_add_arg(&arguments, "-ofsname=studentfs,subtype=studentfs,default_permissions");
    if (options) {
        fuse_opt_add_arg(&arguments, "-o");
        fuse_opt_add_arg(&arguments, options);
    }
    mount->session = fuse_session_new(&arguments, operations, sizeof(*operations), userdata);
    fuse_opt_free_args(&arguments);
    return mount->session ? 0 : -EINVAL;
}

/* After what libfuse and fusermount3 have said. */
static void explain(const char *path)
{
    struct obstacle_facts facts;
    obstacle_look(&facts);
    const char *obstacle = obstacle_name(&facts);
    log_error("%s is not mounted%s%s", path, obstacle ? ": " : "", obstacle ? obstacle : "");
}

int mount_init(struct mount *mount, struct loop *loop, const char *path, const char *options,
               const struct fuse_lowlevel_ops *operations, void *userdata)
{
    cpu_set_t cpus;
    *mount = (struct mount){.loop = loop,
                            .may_spin = sched_getaffinity(0, sizeof(cpus), &cpus) == 0 &&
                                        CPU_COUNT(&cpus) > 1};
    int r = session_new(mount, options, operations, userdata);
    if (r < 0)
        return r;
    if (fuse_session_mount(mount->session, path) < 0) {
        explain(path);
        fuse_session_destroy(mount->session);
        mount->session = NULL;
        return -EPERM;
    }
    int fd = fuse_session_fd(mount->session);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    r = watch_add(loop, &mount->watch, fd, EPOLLIN, on_request);
    if (r < 0)
        mount_deinit(mount);
    return r;
}

void mount_deinit(struct mount *mount)
{
    if (!mount->session)
        return;
    parked_abort_all(ENOTCONN);
    watch_remove(&mount->watch);
    fuse_session_unmount(mount->session);
    fuse_session_destroy(mount->session);
    free(mount->buffer.mem);
    mount->session = NULL;
}
