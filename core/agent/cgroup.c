/* Control groups, over both layouts: the files' names are a table, the rest is written once. */
#include "cgroup.h"

#include "base/cleanup.h"
#include "base/loop.h"
#include "cgroup_find.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

/* Of a run's memory, what sockets of the network may hold besides it on v1. */
#define SOCKETS_SHARE 4

/* --- the files --- */

enum cgroup_file {
    FILE_MEMORY_MAX,
    FILE_SWAP_MAX,
    FILE_OOM_GROUP,
    FILE_SOCKETS_MAX,
    FILE_PIDS_MAX,
    FILE_CPU_USED,
    FILE_CPU_SYSTEM,
    FILE_MEMORY_PEAK,
    FILE_MEMORY_PEAK_NO_SWAP,
    FILE_MEMORY_KILLS,
    FILE_COUNT
};

struct file_row {
    enum controller controller;
    struct {
        const char *name;
        const char *key; /* of the line to read; NULL: the file is one number */
        uint64_t unit;   /* what a 1 there stands for */
    } in[CGROUP_LAYOUTS];
};

static const struct file_row files[FILE_COUNT] = {
    [FILE_MEMORY_MAX] = {CONTROLLER_MEMORY,
                         {{.name = "memory.limit_in_bytes"}, {.name = "memory.max"}}},
    /* v1 counts memory and swap together, v2 swap alone. */
    [FILE_SWAP_MAX] = {CONTROLLER_MEMORY,
                       {{.name = "memory.memsw.limit_in_bytes"}, {.name = "memory.swap.max"}}},
    [FILE_OOM_GROUP] = {CONTROLLER_MEMORY, {{.name = NULL}, {.name = "memory.oom.group"}}},
    /* v1 counts what TCP and UDP hold apart, and only where it is bounded; v2 with the rest. */
    [FILE_SOCKETS_MAX] = {CONTROLLER_MEMORY,
                          {{.name = "memory.kmem.tcp.limit_in_bytes"}, {.name = NULL}}},
    [FILE_PIDS_MAX] = {CONTROLLER_PIDS, {{.name = "pids.max"}, {.name = "pids.max"}}},
    [FILE_CPU_USED] = {CONTROLLER_CPU,
                       {{"cpuacct.usage", NULL, 1}, {"cpu.stat", "usage_usec", NS_PER_US}}},
    /* v1's is in ticks, which are a hundredth of a second for programs everywhere. */
    [FILE_CPU_SYSTEM] = {CONTROLLER_CPU,
                         {{"cpuacct.stat", "system", 10 * NS_PER_MS},
                          {"cpu.stat", "system_usec", NS_PER_US}}},
    [FILE_MEMORY_PEAK] = {CONTROLLER_MEMORY,
                          {{"memory.memsw.max_usage_in_bytes", NULL, 1}, {"memory.peak", NULL, 1}}},
    [FILE_MEMORY_PEAK_NO_SWAP] = {CONTROLLER_MEMORY,
                                  {{"memory.max_usage_in_bytes", NULL, 1},
                                   {"memory.current", NULL, 1}}},
    [FILE_MEMORY_KILLS] = {CONTROLLER_MEMORY,
                           {{"memory.oom_control", "oom_kill", 1},
                            {"memory.events", "oom_kill", 1}}},
};

static const struct hierarchy *hierarchy_of(const struct cgroup *cgroup, enum controller controller)
{
    const struct cgroup_tree *tree = cgroup->tree;
    return tree && tree->of[controller] >= 0 ? &tree->hierarchies[tree->of[controller]] : NULL;
}

static int open_in(const struct cgroup *cgroup, const struct hierarchy *hierarchy, const char *name,
                   int flags)
{
    char path[sizeof(cgroup->name) + 64];
    snprintf(path, sizeof(path), "%s/%s", cgroup->name, name);
    int fd = openat(hierarchy->fd, path, flags | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* -ENOENT: this layout, or this kernel, has no such file; -ENOTSUP: no such controller. */
static int open_file(const struct cgroup *cgroup, enum cgroup_file file, int flags)
{
    const struct hierarchy *hierarchy = hierarchy_of(cgroup, files[file].controller);
    if (!hierarchy)
        return -ENOTSUP;
    const char *name = files[file].in[hierarchy->layout].name;
    return name ? open_in(cgroup, hierarchy, name, flags) : -ENOENT;
}

static int write_number(const struct cgroup *cgroup, enum cgroup_file file, uint64_t number)
{
    char text[24];
    _cleanup_close_ int fd = open_file(cgroup, file, O_WRONLY);
    if (fd < 0)
        return fd;
    int size = snprintf(text, sizeof(text), "%" PRIu64, number);
    return write(fd, text, (size_t)size) < 0 ? -errno : 0;
}

static int read_number(const struct cgroup *cgroup, enum cgroup_file file, uint64_t *ret_number)
{
    char text[1024]; /* memory.events and cpu.stat take a third of it */
    _cleanup_close_ int fd = open_file(cgroup, file, O_RDONLY);
    if (fd < 0)
        return fd;
    ssize_t size = read(fd, text, sizeof(text) - 1);
    if (size <= 0)
        return size < 0 ? -errno : -ENODATA;
    text[size] = 0;
    enum cgroup_layout layout = hierarchy_of(cgroup, files[file].controller)->layout;
    const char *key = files[file].in[layout].key, *at = text;
    while (key && (strncmp(at, key, strlen(key)) != 0 || at[strlen(key)] != ' ')) {
        at = strchr(at, '\n');
        if (!at)
            return -ENODATA;
        at++;
    }
    *ret_number = strtoull(key ? at + strlen(key) : at, NULL, 10) * files[file].in[layout].unit;
    return 0;
}

/* --- a group --- */

int cgroup_new(struct cgroup *cgroup, struct cgroup_tree *tree)
{
    *cgroup = (struct cgroup){.tree = tree};
    snprintf(cgroup->name, sizeof(cgroup->name), "%u", ++tree->last_name);
    for (unsigned i = 0; i < tree->n_hierarchies; i++) {
        if (mkdirat(tree->hierarchies[i].fd, cgroup->name, 0755) < 0) {
            int error = -errno;
            cgroup_remove(cgroup);
            return error;
        }
    }
    return 0;
}

/* v2, since Linux 5.14: whatever is in it and below, with nobody who slips through by forking. */
static bool kill_by_kernel(int directory, const char *name)
{
    char path[80];
    if (snprintf(path, sizeof(path), "%s/cgroup.kill", name) >= (int)sizeof(path))
        return false;
    _cleanup_close_ int fd = openat(directory, path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, "1", 1) == 1;
}

void cgroup_kill_in(int directory, const char *name)
{
    char path[64], line[32];
    if (kill_by_kernel(directory, name))
        return;
    if (snprintf(path, sizeof(path), "%s/cgroup.procs", name) >= (int)sizeof(path))
        return;
    int fd = openat(directory, path, O_RDONLY | O_CLOEXEC);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "re");
    if (!file && fd >= 0)
        close(fd);
    while (file && fgets(line, sizeof(line), file)) {
        pid_t pid = (pid_t)strtol(line, NULL, 10);
        if (pid > 0) /* 0: one that this process namespace does not see */
            kill(pid, SIGKILL);
    }
    if (file)
        fclose(file);
}

/* The one in which a question is cheapest, and a kill surest; NULL: none. */
static const struct hierarchy *best_hierarchy(const struct cgroup *cgroup)
{
    const struct cgroup_tree *tree = cgroup->tree;
    for (unsigned i = 0; tree && i < tree->n_hierarchies; i++)
        if (tree->hierarchies[i].layout == CGROUP_V2)
            return &tree->hierarchies[i];
    return tree && tree->n_hierarchies > 0 ? &tree->hierarchies[0] : NULL;
}

void cgroup_kill(const struct cgroup *cgroup)
{
    const struct hierarchy *hierarchy = best_hierarchy(cgroup);
    if (hierarchy)
        cgroup_kill_in(hierarchy->fd, cgroup->name);
}

bool cgroup_kill_at_once(const struct cgroup *cgroup)
{
    const struct hierarchy *hierarchy = best_hierarchy(cgroup);
    return hierarchy && hierarchy->layout == CGROUP_V2 &&
           kill_by_kernel(hierarchy->fd, cgroup->name);
}

bool cgroup_is_populated(const struct cgroup *cgroup)
{
    const struct hierarchy *hierarchy = best_hierarchy(cgroup);
    char text[256];
    if (!hierarchy)
        return false;
    bool is_v2 = hierarchy->layout == CGROUP_V2;
    _cleanup_close_ int fd =
        open_in(cgroup, hierarchy, is_v2 ? "cgroup.events" : "cgroup.procs", O_RDONLY);
    ssize_t size = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
    if (size <= 0)
        return false;
    text[size] = 0;
    return !is_v2 || strstr(text, "populated 1");
}

int cgroup_remove(struct cgroup *cgroup)
{
    int r = 0;
    for (unsigned i = 0; cgroup->tree && i < cgroup->tree->n_hierarchies; i++)
        if (unlinkat(cgroup->tree->hierarchies[i].fd, cgroup->name, AT_REMOVEDIR) < 0 &&
            errno != ENOENT)
            r = -errno;
    if (r == 0)
        *cgroup = (struct cgroup){0};
    return r;
}

/*
 * v1's "tasks" and not "cgroup.procs": the kernel lets a thread that moves itself alone in at once
 * (70 us for three groups), a whole process only after a grace period (up to 15 ms), during which
 * no process on the machine can fork. Who enters has one thread.
 */
int cgroup_open_entries(const struct cgroup *cgroup, int ret_fds[HIERARCHIES_MAX],
                        int *ret_birthplace)
{
    int n = 0;
    _cleanup_close_ int birthplace = -1;
    for (unsigned i = 0; cgroup->tree && i < cgroup->tree->n_hierarchies; i++) {
        const struct hierarchy *hierarchy = &cgroup->tree->hierarchies[i];
        bool is_v2 = hierarchy->layout == CGROUP_V2;
        int fd = is_v2 ? open_in(cgroup, hierarchy, "", O_RDONLY | O_DIRECTORY)
                       : open_in(cgroup, hierarchy, "tasks", O_WRONLY);
        if (fd < 0) {
            while (n > 0)
                close(ret_fds[--n]);
            return fd;
        }
        if (is_v2)
            birthplace = fd;
        else
            ret_fds[n++] = fd;
    }
    *ret_birthplace = fd_steal(&birthplace);
    return n;
}

/* v1 refuses a limit with swap below the one without, at any moment. */
static int set_memory_and_swap(const struct cgroup *cgroup, enum cgroup_layout layout,
                               uint64_t bytes)
{
    bool is_raised = cgroup->memory_bytes > 0 && bytes > cgroup->memory_bytes;
    int memory = is_raised ? 0 : write_number(cgroup, FILE_MEMORY_MAX, bytes);
    int swap = write_number(cgroup, FILE_SWAP_MAX, layout == CGROUP_V1 ? bytes : 0);
    if (is_raised)
        memory = write_number(cgroup, FILE_MEMORY_MAX, bytes);
    return memory == 0 && swap != -ENOENT ? swap : memory; /* a kernel without counts no swap */
}

/* v1's peaks can be reset: what made the sandbox is not the student's. */
static void reset_peaks(const struct cgroup *cgroup, enum cgroup_layout layout)
{
    if (layout != CGROUP_V1)
        return;
    write_number(cgroup, FILE_MEMORY_PEAK_NO_SWAP, 0);
    write_number(cgroup, FILE_MEMORY_PEAK, 0);
}

static int set_memory(struct cgroup *cgroup, uint64_t bytes)
{
    const struct hierarchy *hierarchy = hierarchy_of(cgroup, CONTROLLER_MEMORY);
    if (!hierarchy || bytes == cgroup->memory_bytes)
        return 0;
    int r = set_memory_and_swap(cgroup, hierarchy->layout, bytes);
    int group = write_number(cgroup, FILE_OOM_GROUP, 1);
    if (r == 0 && group != -ENOENT)
        r = group;
    /* A kernel may have been built without. */
    write_number(cgroup, FILE_SOCKETS_MAX, bytes / SOCKETS_SHARE);
    if (cgroup->memory_bytes == 0)
        reset_peaks(cgroup, hierarchy->layout);
    cgroup->memory_bytes = r == 0 ? bytes : 0;
    return r;
}

int cgroup_set_limits(struct cgroup *cgroup, const struct limits *limits)
{
    int r = set_memory(cgroup, limits->memory_bytes);
    if (r == 0 && limits->processes != cgroup->processes) {
        r = write_number(cgroup, FILE_PIDS_MAX, limits->processes);
        cgroup->processes = r == 0 ? limits->processes : 0;
    }
    return r == -ENOTSUP ? 0 : r;
}

int cgroup_open_memory_event(const struct cgroup *cgroup)
{
    const struct hierarchy *hierarchy = hierarchy_of(cgroup, CONTROLLER_MEMORY);
    if (!hierarchy || hierarchy->layout != CGROUP_V1)
        return -ENOTSUP;
    char text[32];
    /* The kernel keeps what it needs of these two; the event goes with the eventfd. */
    _cleanup_close_ int state = open_file(cgroup, FILE_MEMORY_KILLS, O_RDONLY);
    _cleanup_close_ int control = open_in(cgroup, hierarchy, "cgroup.event_control", O_WRONLY);
    _cleanup_close_ int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (state < 0 || control < 0 || event < 0)
        return state < 0 ? state : control < 0 ? control : -errno;
    int size = snprintf(text, sizeof(text), "%d %d", event, state);
    if (write(control, text, (size_t)size) < 0)
        return -errno;
    return fd_steal(&event);
}

uint64_t cgroup_cpu_ns(const struct cgroup *cgroup)
{
    uint64_t ns = 0;
    read_number(cgroup, FILE_CPU_USED, &ns);
    return ns;
}

uint64_t cgroup_system_cpu_ns(const struct cgroup *cgroup)
{
    uint64_t ns = 0;
    read_number(cgroup, FILE_CPU_SYSTEM, &ns);
    return ns;
}

uint64_t cgroup_memory_peak(const struct cgroup *cgroup)
{
    uint64_t bytes = 0;
    if (read_number(cgroup, FILE_MEMORY_PEAK, &bytes) < 0)
        read_number(cgroup, FILE_MEMORY_PEAK_NO_SWAP, &bytes);
    return bytes;
}

uint64_t cgroup_memory_kills(const struct cgroup *cgroup)
{
    uint64_t kills = 0;
    read_number(cgroup, FILE_MEMORY_KILLS, &kills);
    return kills;
}
