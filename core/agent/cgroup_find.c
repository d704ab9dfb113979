/* Where control groups are. */
#include "cgroup_find.h"

#include "base/cleanup.h"
#include "cgroup_home.h"
#include "cgroup_lack.h"

#include <errno.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

static bool has_line(const char *directory, const char *file)
{
    _cleanup_free_ char *path = NULL;
    if (asprintf(&path, "%s/%s", directory, file) < 0)
        return path = NULL, false;
    FILE *stream = fopen(path, "re");
    bool has = stream && fgetc(stream) != EOF;
    if (stream)
        fclose(stream);
    return has;
}

/*
 * The kernel refuses to hand memory down where processes are. To hand down pids it agrees, and
 * makes the groups below part of a threaded domain, which no process can enter. The root group,
 * which alone has no type, may do both.
 */
static bool is_occupied(const char *directory)
{
    return has_line(directory, "cgroup.procs") && has_line(directory, "cgroup.type");
}

/* Said even where nothing may be written: what is to be mended there is of no use then. */
static bool lacks(const char *directory, const char *name)
{
    _cleanup_free_ char *path = NULL;
    char line[LINE_SIZE] = "";
    if (asprintf(&path, "%s/cgroup.controllers", directory) < 0)
        return path = NULL, false;
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    bool has = fgets(line, sizeof(line), file) && list_has(line, " \n", name);
    fclose(file);
    return !has;
}

int cgroup_hand_down(const char *directory, enum controller controller)
{
    const char *name = controller_names[CGROUP_V2][controller];
    _cleanup_free_ char *path = NULL;
    char line[LINE_SIZE] = "";
    if (name && lacks(directory, name))
        return -ENOENT;
    if (access(directory, W_OK) < 0)
        return -errno;
    if (!name)
        return 0;
    if (is_occupied(directory))
        return -EBUSY;
    if (asprintf(&path, "%s/cgroup.subtree_control", directory) < 0)
        return path = NULL, -ENOMEM;
    FILE *file = fopen(path, "r+e");
    if (!file)
        return -errno;
    int r = 0;
    if (!fgets(line, sizeof(line), file) || !list_has(line, " \n", name)) {
        rewind(file);
        r = fprintf(file, "+%s", name) < 0 || fflush(file) != 0 ? -errno : 0;
    }
    fclose(file);
    return r == -EINVAL ? -ENOENT : r; /* a kernel that does not even know the name */
}

/* From our own group upwards, the first directory that may be written and has it. */
static int climb(char *directory, const char *mount, enum controller controller,
                 struct cgroup_lack *ret_lack)
{
    const char *name = controller_names[CGROUP_V2][controller];
    int first = 0;
    for (;;) {
        int r = cgroup_hand_down(directory, controller);
        if (r == -EBUSY && first == 0) {
            r = cgroup_home_enter(directory);
            if (r == 0)
                r = cgroup_hand_down(directory, controller);
        }
        if (r == 0)
            return 0;
        if (first == 0) {
            cgroup_lack_explain(ret_lack, r, directory, name ? name : "it");
            first = r;
        }
        if (strlen(directory) <= strlen(mount))
            return first;
        *strrchr(directory, '/') = 0;
    }
}

/* v1 needs no climbing: a group with processes in it may have groups below it. */
static int try_own(const char *directory, const char *name, struct cgroup_lack *ret_lack)
{
    int r = access(directory, W_OK) < 0 ? -errno : 0;
    if (r < 0)
        cgroup_lack_explain(ret_lack, r, directory, name);
    return r;
}

int cgroup_find(enum cgroup_layout layout, enum controller controller, char **ret_path,
                struct cgroup_lack *ret_lack)
{
    const char *name = controller_names[layout][controller];
    _cleanup_free_ char *mount = find_mount(layout, name);
    _cleanup_free_ char *own = own_path(layout, name);
    char *directory;
    if (!mount) {
        cgroup_lack_explain(ret_lack, -ENODEV, "/sys/fs/cgroup", name ? name : "it");
        return -ENODEV;
    }
    if (asprintf(&directory, "%s%s", mount, own && strcmp(own, "/") != 0 ? own : "") < 0)
        return -ENOMEM;
    /* In a container the mount may show our own group as its root, under another name. */
    if (access(directory, F_OK) < 0)
        strcpy(directory, mount);
    cgroup_home_strip(directory);
    int r = layout == CGROUP_V2 ? climb(directory, mount, controller, ret_lack)
                                : try_own(directory, name, ret_lack);
    if (r < 0) {
        free(directory);
        return r;
    }
    *ret_path = directory;
    return 0;
}
