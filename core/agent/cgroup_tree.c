/* The agent's own tree of control groups: made, and cleared of what dead agents left. */
#include "base/cleanup.h"
#include "cgroup.h"
#include "cgroup_find.h"
#include "cgroup_home.h"
#include "cgroup_lack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define NAME_SIZE 64

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
    if (sscanf(name, CGROUP_TREE_PREFIX "%d-%llu%n", &pid, &started, &end) != 2 || name[end] ||
        pid <= 0)
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
    cgroup_home_remove(path);
}

/* v2's directory is one for all: a process is in one group of it. */
static struct hierarchy *v2_of(struct cgroup_tree *tree)
{
    for (unsigned i = 0; i < tree->n_hierarchies; i++)
        if (tree->hierarchies[i].layout == CGROUP_V2)
            return &tree->hierarchies[i];
    return NULL;
}

static int find(struct cgroup_tree *tree, enum cgroup_layout layout, enum controller controller,
                char **ret_parent, struct cgroup_lack *ret_lack)
{
    const struct hierarchy *v2 = layout == CGROUP_V2 ? v2_of(tree) : NULL;
    if (!v2)
        return cgroup_find(layout, controller, ret_parent, ret_lack);
    int r = cgroup_hand_down(v2->parent, controller);
    if (r < 0)
        cgroup_lack_explain(ret_lack, r, v2->parent, "it");
    else if (!(*ret_parent = strdup(v2->parent)))
        r = -ENOMEM;
    return r;
}

/* The parent is taken. */
static int add_hierarchy(struct cgroup_tree *tree, enum cgroup_layout layout, char *parent,
                         const char *name)
{
    _cleanup_free_ char *path = NULL, *taken = parent;
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
        (struct hierarchy){.layout = layout, .path = path, .parent = parent, .fd = fd};
    path = taken = NULL;
    return (int)tree->n_hierarchies++;
}

static int place(struct cgroup_tree *tree, enum controller controller, enum cgroup_layout layout,
                 const char *name, struct cgroup_lack *ret_lack)
{
    char *parent = NULL;
    int r = find(tree, layout, controller, &parent, ret_lack);
    if (r < 0)
        return r;
    int index = add_hierarchy(tree, layout, parent, name);
    if (index >= 0 && layout == CGROUP_V2)
        r = cgroup_hand_down(tree->hierarchies[index].path, controller);
    if (index < 0 || r < 0) {
        r = index < 0 ? index : r;
        *ret_lack = (struct cgroup_lack){.why = ""};
        snprintf(ret_lack->why, CGROUP_WHY_MAX, "no group can be made: %s", strerror(-r));
        return r;
    }
    tree->of[controller] = index;
    return 0;
}

/* Any v2 group counts CPU time, but cpuacct is cheaper to read, and there only without v2's. */
static const enum cgroup_layout preferred[CONTROLLER_COUNT] = {
    [CONTROLLER_MEMORY] = CGROUP_V2, [CONTROLLER_PIDS] = CGROUP_V2, [CONTROLLER_CPU] = CGROUP_V1};

/* In the layout that is preferred, else in the other; the better reason is kept. */
static void place_somewhere(struct cgroup_tree *tree, enum controller controller, const char *name)
{
    struct cgroup_lack lack = {.why = ""};
    tree->of[controller] = -1;
    int first = place(tree, controller, preferred[controller], name, &tree->lacks[controller]);
    if (first == 0)
        return;
    int second = place(tree, controller, CGROUP_LAYOUTS - 1 - preferred[controller], name, &lack);
    if (second != -ENODEV && (first == -ENODEV || first == -ENOENT))
        tree->lacks[controller] = lack;
}

int cgroup_tree_init(struct cgroup_tree *tree)
{
    char name[NAME_SIZE];
    unsigned long long started;
    *tree = (struct cgroup_tree){.n_hierarchies = 0};
    int r = start_time(getpid(), &started);
    if (r < 0)
        return r;
    snprintf(name, sizeof(name), CGROUP_TREE_PREFIX "%d-%llu", getpid(), started);
    for (unsigned i = 0; i < CONTROLLER_COUNT; i++)
        place_somewhere(tree, (enum controller)i, name);
    return 0;
}

void cgroup_tree_deinit(struct cgroup_tree *tree)
{
    for (unsigned i = 0; i < tree->n_hierarchies; i++) {
        struct hierarchy *hierarchy = &tree->hierarchies[i];
        rmdir(hierarchy->path);
        if (hierarchy->layout == CGROUP_V2)
            cgroup_home_leave(hierarchy->parent);
        free(hierarchy->path);
        free(hierarchy->parent);
        close(hierarchy->fd);
    }
    tree->n_hierarchies = 0;
}

bool cgroup_tree_has(const struct cgroup_tree *tree, enum controller controller)
{
    return tree->of[controller] >= 0;
}
