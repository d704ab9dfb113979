/* Where control groups are. */
#include "cgroup_find.h"

#include "base/cleanup.h"

#include <errno.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>

/* What v1 mounts and v2 lists it as. v2 counts CPU time in every group (cpu.stat). */
static const char *const controller_names[CGROUP_LAYOUTS][CONTROLLER_COUNT] = {
    [CGROUP_V1] =
        {[CONTROLLER_MEMORY] = "memory", [CONTROLLER_PIDS] = "pids", [CONTROLLER_CPU] = "cpuacct"},
    [CGROUP_V2] = {[CONTROLLER_MEMORY] = "memory", [CONTROLLER_PIDS] = "pids"},
};

#define LINE_SIZE 4096 /* of the kernel's tables; longer ones are cut and do not match */

/* Whether list, words separated by any of separators, has word. */
static bool list_has(const char *list, const char *separators, const char *word)
{
    size_t size = strlen(word);
    for (const char *at = list; *at; at += strspn(at, separators)) {
        size_t length = strcspn(at, separators);
        if (length == size && memcmp(at, word, size) == 0)
            return true;
        at += length;
    }
    return false;
}

/* Where the hierarchy is mounted. */
static char *find_mount(enum cgroup_layout layout, const char *name)
{
    char *path = NULL, strings[LINE_SIZE];
    FILE *mounts = setmntent("/proc/self/mounts", "re");
    struct mntent entry;
    while (mounts && !path && getmntent_r(mounts, &entry, strings, sizeof(strings))) {
        bool is_v2 = strcmp(entry.mnt_type, "cgroup2") == 0;
        bool is_v1 = strcmp(entry.mnt_type, "cgroup") == 0;
        if (layout == CGROUP_V2 ? is_v2 : is_v1 && hasmntopt(&entry, name))
            path = strdup(entry.mnt_dir);
    }
    if (mounts)
        endmntent(mounts);
    return path;
}

/* Our own group's path in it: lines of NUMBER:CONTROLLERS:PATH, none of them for v2. */
static char *own_path(enum cgroup_layout layout, const char *name)
{
    char *found = NULL, line[LINE_SIZE];
    FILE *file = fopen("/proc/self/cgroup", "re");
    while (file && !found && fgets(line, sizeof(line), file)) {
        char *controllers = strchr(line, ':');
        char *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path)
            continue;
        controllers++;
        *path++ = 0;
        path[strcspn(path, "\n")] = 0;
        if (layout == CGROUP_V2 ? !*controllers : list_has(controllers, ",", name))
            found = strdup(path);
    }
    if (file)
        fclose(file);
    return found;
}

/* Whether groups made in that directory of v2 have the controller, after asking for it. */
static bool offers(const char *directory, const char *name)
{
    _cleanup_free_ char *path = NULL;
    char line[LINE_SIZE] = "";
    if (!name)
        return true;
    if (asprintf(&path, "%s/cgroup.subtree_control", directory) < 0)
        return path = NULL, false;
    FILE *file = fopen(path, "r+e");
    if (!file)
        return false;
    if (fgets(line, sizeof(line), file) && list_has(line, " \n", name)) {
        fclose(file);
        return true;
    }
    /* EBUSY where processes are in it, ENOENT where it has no such controller itself. */
    rewind(file);
    bool enabled = fprintf(file, "+%s", name) > 0 && fflush(file) == 0;
    fclose(file);
    return enabled;
}

/* From our own group upwards, the first directory that may be written and has it. */
static int climb(char *directory, const char *mount, enum cgroup_layout layout, const char *name)
{
    for (;;) {
        if (access(directory, W_OK) == 0 && (layout == CGROUP_V1 || offers(directory, name)))
            return 0;
        /* v1 needs no climbing: a group with processes in it may have groups below it. */
        if (layout == CGROUP_V1 || strlen(directory) <= strlen(mount))
            return -ENOENT;
        *strrchr(directory, '/') = 0;
    }
}

int cgroup_find(enum cgroup_layout layout, enum controller controller, char **ret_path)
{
    const char *name = controller_names[layout][controller];
    _cleanup_free_ char *mount = find_mount(layout, name);
    _cleanup_free_ char *own = own_path(layout, name);
    char *directory;
    if (!mount)
        return -ENOENT;
    if (asprintf(&directory, "%s%s", mount, own && strcmp(own, "/") != 0 ? own : "") < 0)
        return -ENOMEM;
    /* In a container the mount may show our own group as its root, under another name. */
    if (access(directory, F_OK) < 0)
        strcpy(directory, mount);
    int r = climb(directory, mount, layout, name);
    if (r < 0) {
        free(directory);
        return r;
    }
    *ret_path = directory;
    return 0;
}
