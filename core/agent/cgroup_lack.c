/* What stands between an agent and its control groups. */
#include "cgroup_lack.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* %1$s: the directory, %2$s: the controller. */
struct row {
    int error;
    const char *why;
    const char *mend, *mend_by_systemd; /* NULL: the same */
};

/* A scope of its own is handed to who asks for it, and has nobody else in it. */
#define SCOPE      "systemd-run --scope -p Delegate=yes studentfs ..."
#define USER_SCOPE "systemd-run --user --scope -p Delegate=yes studentfs ..."

#define REMOUNT "mount -o remount,bind,rw $(findmnt -n -o TARGET -T %1$s)"

static const struct row rows_of_root[] = {
    {-ENODEV, "no control groups are mounted",
     "mount -t cgroup2 none %1$s; for a container, start it with its control groups mounted", NULL},
    {-EROFS, "%1$s is mounted read-only",
     REMOUNT "; for a container, start it with its control groups writable", NULL},
    {-EBUSY, "%1$s holds other processes: it cannot hand %2$s down",
     "mkdir %1$s/others; for p in $(cat %1$s/cgroup.procs); do echo $p > %1$s/others/cgroup.procs; "
     "done",
     SCOPE},
    {-ENOENT, "%1$s does not have %2$s",
     "echo +%2$s > cgroup.subtree_control in each directory above it; where /proc/cgroups says "
     "that it is disabled, boot with cgroup_enable=%2$s",
     SCOPE},
    {-EACCES, "%1$s may not be written by this user",
     "outside, as the machine's root: chown -R USER %1$s, with the user that root is here", NULL},
};

static const struct row rows_of_user[] = {
    {-ENODEV, "no control groups are mounted", "sudo mount -t cgroup2 none %1$s", NULL},
    {-EROFS, "%1$s is mounted read-only", "sudo " REMOUNT, NULL},
    {-EBUSY, "%1$s holds other processes: it cannot hand %2$s down",
     "mkdir %1$s/others; for p in $(cat %1$s/cgroup.procs); do echo $p > %1$s/others/cgroup.procs; "
     "done",
     USER_SCOPE},
    {-ENOENT, "%1$s does not have %2$s",
     "sudo sh -c 'echo +%2$s > cgroup.subtree_control' in each directory above it; where "
     "/proc/cgroups says that it is disabled, boot with cgroup_enable=%2$s",
     USER_SCOPE},
    {-EACCES, "%1$s may not be written by this user",
     /* $USER and $$ are this shell's, not sudo's. */
     "sudo sh -c \"[ ! -e %1$s/cgroup.subtree_control ] || echo +%2$s > "
     "%1$s/cgroup.subtree_control; mkdir -p %1$s/students; chown -R $USER %1$s/students; "
     "echo $$ > %1$s/students/cgroup.procs\"",
     USER_SCOPE},
};

#define ROWS (sizeof(rows_of_root) / sizeof(rows_of_root[0]))

/* As sd_booted(3). Its scopes give what is missing with v2 alone. */
static bool is_run_by_systemd(const char *directory)
{
    struct stat st;
    bool is_v2 = strncmp(directory, "/sys/fs/cgroup", 14) == 0 &&
                 access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0;
    return is_v2 && lstat("/run/systemd/system", &st) == 0 && S_ISDIR(st.st_mode);
}

/* The directory and the controller in their places; what does not fit is cut. */
static void fill_in(char *ret_text, size_t size, const char *text, const char *directory,
                    const char *name)
{
    size_t used = 0;
    *ret_text = 0;
    for (const char *at = text; *at && used + 1 < size;) {
        const char *put = strncmp(at, "%1$s", 4) == 0   ? directory
                          : strncmp(at, "%2$s", 4) == 0 ? name
                                                        : NULL;
        int n = put ? snprintf(ret_text + used, size - used, "%s", put)
                    : snprintf(ret_text + used, size - used, "%c", *at);
        used += (size_t)n;
        at += put ? 4 : 1;
    }
}

void cgroup_lack_explain(struct cgroup_lack *ret_lack, int error, const char *directory,
                         const char *name)
{
    const struct row *rows = geteuid() == 0 ? rows_of_root : rows_of_user;
    if (error == -EPERM)
        error = -EACCES;
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];
        bool by_systemd = row->mend_by_systemd && is_run_by_systemd(directory);
        if (row->error != error)
            continue;
        fill_in(ret_lack->why, sizeof(ret_lack->why), row->why, directory, name);
        fill_in(ret_lack->mend, sizeof(ret_lack->mend),
                by_systemd ? row->mend_by_systemd : row->mend, directory, name);
        return;
    }
    *ret_lack = (struct cgroup_lack){.why = ""};
    snprintf(ret_lack->why, sizeof(ret_lack->why), "%s: %s", directory, strerror(-error));
}
