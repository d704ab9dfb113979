/* Where the agent itself is, in v2. */
#include "cgroup_home.h"

#include "base/cleanup.h"
#include "cgroup.h"
#include "cgroup_find.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

/* Who is moved may start another meanwhile. */
#define ROUNDS_MAX 16

static pid_t parent_of(pid_t pid)
{
    char path[32], line[1024] = "";
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    const char *at = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
    int parent = 0;
    if (at && sscanf(at, ") %*c %d", &parent) != 1)
        parent = 0;
    fclose(file);
    return parent;
}

/* Whether we come from it, or it comes from us. */
static bool is_family(pid_t pid)
{
    for (pid_t at = getpid(); at > 0; at = parent_of(at))
        if (at == pid)
            return true;
    for (pid_t at = parent_of(pid); at > 0; at = parent_of(at))
        if (at == getpid())
            return true;
    return false;
}

static FILE *open_procs(const char *group, const char *below, const char *mode)
{
    _cleanup_free_ char *path = NULL;
    if (asprintf(&path, "%s%s/cgroup.procs", group, below) < 0)
        return path = NULL, NULL;
    return fopen(path, mode);
}

/* One process to a write. */
static int move(const char *group, const char *below, pid_t pid)
{
    FILE *file = open_procs(group, below, "we");
    if (!file)
        return -errno;
    int r = fprintf(file, "%d", pid) < 0 || fflush(file) != 0 ? -errno : 0;
    fclose(file);
    return r == -ESRCH ? 0 : r;
}

/* Moves all, or none where one is not family. Returns how many. */
static int move_all(const char *group, const char *from, const char *to, bool family_only)
{
    pid_t pids[256];
    int n = 0, pid;
    FILE *file = open_procs(group, from, "re");
    if (!file)
        return -errno;
    while (n < (int)(sizeof(pids) / sizeof(pids[0])) && fscanf(file, "%d", &pid) == 1)
        pids[n++] = pid;
    fclose(file);
    for (int i = 0; family_only && i < n; i++)
        if (!is_family(pids[i]))
            return -EBUSY;
    for (int i = 0; i < n; i++) {
        int r = move(group, to, pids[i]);
        if (r < 0)
            return r;
    }
    return n;
}

static int move_until_empty(const char *group, const char *from, const char *to, bool family_only)
{
    int n = 1;
    for (int i = 0; n > 0 && i < ROUNDS_MAX; i++)
        n = move_all(group, from, to, family_only);
    return n > 0 ? -EBUSY : n;
}

int cgroup_home_enter(const char *group)
{
    _cleanup_free_ char *home = NULL;
    if (asprintf(&home, "%s/" CGROUP_HOME, group) < 0)
        return home = NULL, -ENOMEM;
    if (mkdir(home, 0755) < 0 && errno != EEXIST)
        return -errno;
    int r = move_until_empty(group, "", "/" CGROUP_HOME, true);
    if (r < 0) {
        move_until_empty(group, "/" CGROUP_HOME, "", false);
        rmdir(home);
    }
    return r;
}

static bool has_agents(const char *group)
{
    bool found = false;
    DIR *directory = opendir(group);
    struct dirent *entry;
    while (directory && !found && (entry = readdir(directory)))
        found = strncmp(entry->d_name, CGROUP_TREE_PREFIX, strlen(CGROUP_TREE_PREFIX)) == 0;
    if (directory)
        closedir(directory);
    return found;
}

static void take_back(const char *group)
{
    _cleanup_free_ char *path = NULL;
    if (asprintf(&path, "%s/cgroup.subtree_control", group) < 0) {
        path = NULL;
        return;
    }
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
    /* One by one: where one is not there, the other still is. */
    if (fd < 0 || (write(fd, "-memory", 7) < 0 && errno != ENOENT) || write(fd, "-pids", 5) < 0)
        return;
}

void cgroup_home_leave(const char *group)
{
    _cleanup_free_ char *home = NULL;
    if (asprintf(&home, "%s/" CGROUP_HOME, group) < 0) {
        home = NULL;
        return;
    }
    if (access(home, F_OK) < 0 || has_agents(group))
        return;
    take_back(group);
    move_until_empty(group, "/" CGROUP_HOME, "", false);
    rmdir(home);
}

void cgroup_home_remove(const char *group)
{
    _cleanup_free_ char *home = NULL;
    if (asprintf(&home, "%s/" CGROUP_HOME, group) < 0)
        home = NULL;
    else
        rmdir(home);
}

void cgroup_home_strip(char *path)
{
    char *last = strrchr(path, '/');
    if (last && strcmp(last + 1, CGROUP_HOME) == 0)
        *last = 0;
}
