/* The agent's own tree of control groups: made, and cleared of what dead agents left. */
#include "base/cleanup.h"
#include "cgroup.h"
#include "cgroup_find.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define TREE_PREFIX "studentfs-"
#define NAME_SIZE   64

/* Mounts hold a group for up to a third of a second after its processes. */
#define STALE_PAUSE_NS 5000000
#define STALE_TRIES    100

/* When the process started, in ticks since boot: with its id, a name that is not used again. */
static int start_time(pid_t pid, unsigned long long *ret_ticks)
{
    char path[32], line[1024];
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return -errno;
    bool got = fgets(line, sizeof(line), file) != NULL;
    fclose(file);
    /* The 22nd field; the second is a name in parentheses that may hold anything. */
    const char *at = got ? strrchr(line, ')') : NULL;
    char state;
    if (!at || sscanf(at,
                      ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
                      "%*d %llu",
                      &state, ret_ticks) != 2)
        return -EINVAL;
    return state == 'Z' ? -ESRCH : 0; /* nobody has reaped it yet */
}

static bool is_of_dead_agent(const char *name)
{
    int pid, end = 0;
    unsigned long long started, now;
    if (sscanf(name, TREE_PREFIX "%d-%llu%n", &pid, &started, &end) != 2 || name[end] || pid <= 0)
        return false;
    return start_time(pid, &now) < 0 || now != started;
}

/* What is in a dead agent's group is dying with it, or waits for ever for what died. */
static void remove_group(int parent, const char *name)
{
    const struct timespec pause = {.tv_nsec = STALE_PAUSE_NS};
    for (int i = 0; i < STALE_TRIES; i++) {
        if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno != EBUSY)
            return;
        cgroup_kill_in(parent, name);
        nanosleep(&pause, NULL);
    }
}

static void remove_groups_in(int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    while (directory && (entry = readdir(directory)))
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
            remove_group(fd, entry->d_name);
    if (directory)
        closedir(directory);
    unlinkat(parent, name, AT_REMOVEDIR);
}

/* What is still in use stays for the next start. */
static void remove_stale(const char *path)
{
    DIR *directory = opendir(path);
    struct dirent *entry;
    while (directory && (entry = readdir(directory)))
        if (is_of_dead_agent(entry->d_name))
            remove_groups_in(dirfd(directory), entry->d_name);
    if (directory)
        closedir(directory);
}

static int add_hierarchy(struct cgroup_tree *tree, enum cgroup_layout layout, const char *parent,
                         const char *name)
{
    _cleanup_free_ char *path = NULL;
    if (asprintf(&path, "%s/%s", parent, name) < 0)
        return path = NULL, -ENOMEM;
    for (unsigned i = 0; i < tree->n_hierarchies; i++)
        if (strcmp(tree->hierarchies[i].path, path) == 0)
            return (int)i;
    remove_stale(parent);
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return -errno;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    tree->hierarchies[tree->n_hierarchies] =
        (struct hierarchy){.layout = layout, .path = path, .fd = fd};
    path = NULL;
    return (int)tree->n_hierarchies++;
}

/* In v2 a group's children have the controllers that it hands down. */
static bool hand_down(const struct hierarchy *hierarchy, enum controller controller)
{
    static const char *const asked[CONTROLLER_COUNT] = {
        [CONTROLLER_MEMORY] = "+memory", [CONTROLLER_PIDS] = "+pids"};
    if (hierarchy->layout == CGROUP_V1 || !asked[controller])
        return true;
    _cleanup_close_ int fd = openat(hierarchy->fd, "cgroup.subtree_control", O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, asked[controller], strlen(asked[controller])) > 0;
}

static bool place(struct cgroup_tree *tree, enum controller controller, enum cgroup_layout layout,
                  const char *name)
{
    _cleanup_free_ char *parent = NULL;
    int r = cgroup_find(layout, controller, &parent);
    if (r == 0)
        r = add_hierarchy(tree, layout, parent, name);
    if (r < 0 || !hand_down(&tree->hierarchies[r], controller))
        return false;
    tree->of[controller] = r;
    return true;
}

/* Any v2 group counts CPU time, but cpuacct is cheaper to read, and there only without v2's. */
static const enum cgroup_layout preferred[CONTROLLER_COUNT] = {
    [CONTROLLER_MEMORY] = CGROUP_V2, [CONTROLLER_PIDS] = CGROUP_V2, [CONTROLLER_CPU] = CGROUP_V1};

int cgroup_tree_init(struct cgroup_tree *tree)
{
    char name[NAME_SIZE];
    unsigned long long started;
    *tree = (struct cgroup_tree){.n_hierarchies = 0};
    int r = start_time(getpid(), &started);
    if (r < 0)
        return r;
    snprintf(name, sizeof(name), TREE_PREFIX "%d-%llu", getpid(), started);
    for (unsigned i = 0; i < CONTROLLER_COUNT; i++) {
        tree->of[i] = -1;
        if (!place(tree, (enum controller)i, preferred[i], name))
            place(tree, (enum controller)i, CGROUP_LAYOUTS - 1 - preferred[i], name);
    }
    return 0;
}

void cgroup_tree_deinit(struct cgroup_tree *tree)
{
    for (unsigned i = 0; i < tree->n_hierarchies; i++) {
        rmdir(tree->hierarchies[i].path);
        free(tree->hierarchies[i].path);
        close(tree->hierarchies[i].fd);
    }
    tree->n_hierarchies = 0;
}

bool cgroup_tree_has(const struct cgroup_tree *tree, enum controller controller)
{
    return tree->of[controller] >= 0;
}
