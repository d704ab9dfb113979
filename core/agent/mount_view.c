/* The mounts that sandboxes are made from. */
#include "mount_view.h"

#include <errno.h>
#include <mntent.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#define LINE_SIZE 4096 /* of the kernel's table; what is longer stays mounted */

/*
 * Windows into the kernel, of which a sandbox gets its own or none. Not proc: a user namespace may
 * mount one only where it sees one. And our own mounts: where the machine's are not shared, an
 * unmounting there would not come in here, and a daemon waits for the last of its mounts to go.
 */
static bool is_useless(const char *type)
{
    static const char *const types[] = {
        "autofs",     "binfmt_misc",    "bpf",       "cgroup", "cgroup2",  "configfs", "debugfs",
        "fusectl",    "fuse.studentfs", "hugetlbfs", "mqueue", "efivarfs", "nsfs",     "pstore",
        "rpc_pipefs", "securityfs",     "selinuxfs", "tracefs"};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (strcmp(type, types[i]) == 0)
            return true;
    return false;
}

struct place {
    struct place *next;
    char path[];
};

/* The last one first: what is mounted upon goes after what is mounted there. */
static struct place *find_useless(void)
{
    char strings[LINE_SIZE];
    struct mntent entry;
    struct place *found = NULL;
    FILE *mounts = setmntent("/proc/self/mounts", "re");
    while (mounts && getmntent_r(mounts, &entry, strings, sizeof(strings))) {
        size_t size = strlen(entry.mnt_dir) + 1;
        struct place *place = is_useless(entry.mnt_type) ? malloc(sizeof(*place) + size) : NULL;
        if (!place)
            continue;
        memcpy(place->path, entry.mnt_dir, size);
        place->next = found;
        found = place;
    }
    if (mounts)
        endmntent(mounts);
    return found;
}

int mount_view_enter(void)
{
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
        return -errno;
    struct place *place = find_useless();
    while (place) {
        struct place *following = place->next;
        umount2(place->path, MNT_DETACH | UMOUNT_NOFOLLOW);
        free(place);
        place = following;
    }
    return 0;
}
