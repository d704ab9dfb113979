/* What keeps this process from mounting: see obstacle.h. */
#include "obstacle.h"

#include "base/cleanup.h"
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool has_capability(int capability)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {0};
    return syscall(SYS_capget, &header, sets) == 0 &&
           sets[CAP_TO_INDEX(capability)].effective & CAP_TO_MASK(capability);
}

static int look_at_device(void)
{
    _cleanup_close_ int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    return fd < 0 ? errno : 0;
}

/* Without a descriptor among its options it cannot succeed; permission is looked at before. */
static int look_at_call(void)
{
    return mount("studentfs", "/", "fuse", 0, "") < 0 ? errno : 0;
}

void obstacle_look(struct obstacle_facts *ret_facts)
{
    *ret_facts = (struct obstacle_facts){
        .device = look_at_device(),
        .call = look_at_call(),
        .has_capability = has_capability(CAP_SYS_ADMIN),
        .has_fusermount = process_is_in_path("fusermount3"),
        .has_name = getpwuid(getuid()) != NULL,
        .may_gain_privileges = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0,
        .may_gain_capability = prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) == 1,
    };
}

static const char *obstacle_of_device(int error)
{
    switch (error) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
        return "there is no /dev/fuse: 'modprobe fuse' on the machine; start a container with that "
               "device";
    case EACCES:
        return "this user may not open /dev/fuse: 'chmod 666 /dev/fuse', as root";
    case EPERM:
        return "the container's rules for devices forbid /dev/fuse: start it with that device";
    default: /* libfuse has said it */
        return NULL;
    }
}

const char *obstacle_name(const struct obstacle_facts *facts)
{
    if (facts->device != 0)
        return obstacle_of_device(facts->device);
    if (facts->call != EPERM && facts->call != EACCES)
        return NULL;
    if (facts->has_capability)
        return "mount(2) is forbidden to this container by its seccomp or AppArmor profile: allow "
               "it mount and umount2";
    if (!facts->may_gain_capability)
        return "this container may not mount: start it with CAP_SYS_ADMIN, or give this a user "
               "namespace, 'unshare -rm sh'";
    if (!facts->has_fusermount)
        return "only root mounts without fusermount3: 'apt-get install fuse3'";
    if (!facts->has_name)
        return "this user has no name, and fusermount3 asks for one: 'useradd -u UID NAME'";
    if (!facts->may_gain_privileges)
        return "fusermount3 has no effect under no_new_privs: start this without, or give it a "
               "user namespace, 'unshare -rm sh'";
    return NULL;
}
