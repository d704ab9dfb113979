/* The sandbox's shape. */
#include "bwrap.h"

#include "machine_root.h"
#include "spawner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORDS(out, ...) add_words(out, (const char *const[]){__VA_ARGS__, NULL})

static void add_words(FILE *out, const char *const *words)
{
    for (; *words; words++)
        fwrite(*words, 1, strlen(*words) + 1, out);
}

static void add_number(FILE *out, uint64_t number)
{
    fprintf(out, "%" PRIu64, number);
    fputc(0, out);
}

static void add_namespaces(FILE *out, const struct bwrap_plan *plan)
{
    WORDS(out, "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try",
          "--hostname", "student");
    if (!plan->share_network)
        WORDS(out, "--unshare-net");
    if (plan->user_namespace) {
        const char *id = plan->run_as_root ? "0" : STUDENT_UID;
        WORDS(out, "--unshare-user", "--disable-userns", "--uid", id, "--gid", id);
    }
}

static void add_programs(FILE *out)
{
    WORDS(out, "--ro-bind", "/usr", "/usr");
    for (const char *const *top = machine_top; *top; top++) {
        char target[256];
        ssize_t size = readlink(*top, target, sizeof(target) - 1);
        if (size > 0) {
            target[size] = 0;
            WORDS(out, "--symlink", target, *top);
        } else {
            WORDS(out, "--ro-bind-try", *top, *top);
        }
    }
}

static void add_users(FILE *out)
{
    char passwd[8], group[8];
    snprintf(passwd, sizeof(passwd), "%d", SPAWN_DATA_FD(SPAWN_PASSWD));
    snprintf(group, sizeof(group), "%d", SPAWN_DATA_FD(SPAWN_GROUP));
    WORDS(out, "--perms", "0644", "--ro-bind-data", passwd, "/etc/passwd");
    WORDS(out, "--perms", "0644", "--ro-bind-data", group, "/etc/group");
}

static void add_etc(FILE *out, const struct bwrap_plan *plan)
{
    static const char *const network[] = {"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf",
                                          "/etc/ssl/certs"};
    glob_t found = {0};
    for (size_t i = 0; machine_etc[i]; i++)
        glob(machine_etc[i], i ? GLOB_APPEND : 0, NULL, &found);
    WORDS(out, "--perms", "0755", "--dir", "/etc");
    for (size_t i = 0; i < found.gl_pathc; i++)
        WORDS(out, "--ro-bind-try", found.gl_pathv[i], found.gl_pathv[i]);
    globfree(&found);
    for (size_t i = 0; plan->share_network && i < sizeof(network) / sizeof(network[0]); i++)
        WORDS(out, "--ro-bind-try", network[i], network[i]);
    add_users(out);
}

static void add_machine(FILE *out, const struct bwrap_plan *plan)
{
    add_programs(out);
    add_etc(out, plan);
}

/* --- an environment's root file system --- */

/* What the sandbox has of its own, and what is for people or for a machine that boots. */
static bool is_shown(const char *name)
{
    static const char *const hidden[] = {".",     "..",  "proc",       "dev",         "sys",  "tmp",
                                         "task",  "run", "home",       "root",        "boot", "mnt",
                                         "media", "srv", "lost+found", "student-init"};
    for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
        if (strcmp(name, hidden[i]) == 0)
            return false;
    return true;
}

/* Entry by entry, so that it needs no places to mount on; files at its top are nobody's. */
static void add_entry(FILE *out, const char *from, DIR *root, const char *name)
{
    char path[PATH_MAX], inside[NAME_MAX + 2], target[PATH_MAX];
    struct stat st;
    if (!is_shown(name) || fstatat(dirfd(root), name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    snprintf(path, sizeof(path), "%s/%s", from, name);
    snprintf(inside, sizeof(inside), "/%s", name);
    ssize_t size =
        S_ISLNK(st.st_mode) ? readlinkat(dirfd(root), name, target, sizeof(target) - 1) : 0;
    if (size > 0) {
        target[size] = 0;
        WORDS(out, "--symlink", target, inside);
    } else if (S_ISDIR(st.st_mode)) {
        WORDS(out, "--ro-bind", path, inside);
    }
}

/* Where it has users of its own, the student is made known among them: instead of them. */
static bool has_users(DIR *root)
{
    struct stat passwd, group, etc;
    return fstatat(dirfd(root), "etc", &etc, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(etc.st_mode) &&
           fstatat(dirfd(root), "etc/passwd", &passwd, AT_SYMLINK_NOFOLLOW) == 0 &&
           fstatat(dirfd(root), "etc/group", &group, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(passwd.st_mode) && S_ISREG(group.st_mode);
}

static int add_root(FILE *out, const struct bwrap_plan *plan)
{
    DIR *root = opendir(plan->root);
    if (!root)
        return -errno;
    for (struct dirent *entry; (entry = readdir(root));)
        add_entry(out, plan->root_inside ? plan->root_inside : plan->root, root, entry->d_name);
    if (has_users(root))
        add_users(out);
    closedir(root);
    return 0;
}

/* --- all --- */

static void add_bounded_tmpfs(FILE *out, uint64_t size, const char *path)
{
    WORDS(out, "--size");
    add_number(out, size);
    WORDS(out, "--perms", "1777", "--tmpfs", path);
}

/* In an environment that has no such file there is nothing to mount on. */
static bool has_file(const struct bwrap_plan *plan, const char *path)
{
    char full[PATH_MAX];
    struct stat st;
    snprintf(full, sizeof(full), "%s%s", plan->root ? plan->root : "", path);
    return !plan->root || (lstat(full, &st) == 0 && S_ISREG(st.st_mode));
}

static void add_system_files(FILE *out, const struct bwrap_plan *plan)
{
    static const struct {
        int data;
        const char *path;
    } files[] = {{SPAWN_DATA_FD(SPAWN_HOSTS), "/etc/hosts"},
                 {SPAWN_DATA_FD(SPAWN_RESOLV), "/etc/resolv.conf"}};
    WORDS(out, "--ro-bind", plan->system_files, "/task/systemfiles");
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char number[8];
        snprintf(number, sizeof(number), "%d", files[i].data);
        if (has_file(plan, files[i].path))
            WORDS(out, "--perms", "0644", "--ro-bind-data", number, files[i].path);
    }
}

static void add_task(FILE *out, const struct bwrap_plan *plan)
{
    /* bwrap would make the parents 0700 root: unreadable for the student. */
    if (!plan->machine_root)
        WORDS(out, "--perms", "0755", "--dir", "/task", "--perms", "0755", "--dir", "/run");
    if (plan->student)
        WORDS(out, "--bind", plan->student, "/task/student");
    else
        add_bounded_tmpfs(out, plan->tmp_size, "/task/student");
    if (plan->system_files)
        add_system_files(out, plan);
}

/* What init, and a student who is root, may do: what is not here nobody inside ever can. */
static void add_capabilities(FILE *out, const struct bwrap_plan *plan)
{
    /* To become the student, to signal it, and to give these capabilities up. */
    static const char *const of_init[] = {"CAP_SETUID", "CAP_SETGID", "CAP_KILL", "CAP_SETPCAP",
                                          NULL};
    /* Over the one user that is mapped. No tracing, no mounting, no network. */
    static const char *const of_root[] = {
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID",
        "CAP_KILL",  "CAP_SETGID",       "CAP_SETUID", NULL};
    static const char *const none[] = {NULL};
    const char *const *names = plan->run_as_root ? of_root : plan->user_namespace ? none : of_init;
    WORDS(out, "--cap-drop", "ALL");
    for (; *names; names++)
        WORDS(out, "--cap-add", *names);
}

static void add_init(FILE *out, const struct bwrap_plan *plan)
{
    char filter[8];
    snprintf(filter, sizeof(filter), "%d", SPAWN_DATA_FD(SPAWN_FILTER));
    if (!plan->machine_root)
        WORDS(out, "--ro-bind", plan->init, "/student-init", "--remount-ro", "/", "--remount-ro",
              "/dev");
    WORDS(out, "--new-session", "--die-with-parent", "--as-pid-1", "--clearenv", "--setenv", "PATH",
          "/usr/local/bin:/usr/bin:/bin", "--setenv", "HOME", "/task", "--setenv", "LANG",
          "C.UTF-8", "--chdir", "/");
    add_capabilities(out, plan);
    WORDS(out, "--seccomp", filter, "--", "/student-init");
}

int bwrap_arguments(const struct bwrap_plan *plan, char **ret_words, size_t *ret_size)
{
    char *words = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&words, &size);
    if (!out)
        return -errno;
    WORDS(out, "bwrap");
    add_namespaces(out, plan);
    int r = plan->root ? add_root(out, plan) : 0;
    if (plan->machine_root) /* with its devices; all else in it is without them already */
        WORDS(out, "--dev-bind", MACHINE_ROOT, "/");
    else if (!plan->root)
        add_machine(out, plan);
    WORDS(out, "--proc", "/proc");
    if (!plan->machine_root)
        WORDS(out, "--dev", "/dev");
    add_bounded_tmpfs(out, plan->tmp_size, "/tmp");
    add_bounded_tmpfs(out, plan->tmp_size, "/dev/shm");
    add_task(out, plan);
    add_init(out, plan);
    if (ferror(out) != 0)
        r = -ENOMEM;
    if (fclose(out) != 0 && r == 0)
        r = -ENOMEM;
    if (r < 0) {
        free(words);
        return r;
    }
    *ret_words = words;
    *ret_size = size;
    return 0;
}
