/* Capabilities that are kept. */
#include "privileges.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BIT(capability) (UINT64_C(1) << (capability))

static const uint64_t kept[] = {
    [PRIVILEGED_AGENT] =
        /* the client's sockets, the grader's and the student's directories, whoever owns them */
    BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) |
    /* to kill runs, which are another user's, and to read how much they write */
    BIT(CAP_KILL) | BIT(CAP_SYS_PTRACE) |
    /* open_tree(), for students who are to be root; and --ssh-ports below 1024 */
    BIT(CAP_SYS_ADMIN) | BIT(CAP_NET_BIND_SERVICE),
    [PRIVILEGED_SPAWNER] =
        /* bwrap's: namespaces and mounts, the loopback of a new network, what it binds */
    BIT(CAP_SYS_ADMIN) | BIT(CAP_NET_ADMIN) | BIT(CAP_DAC_OVERRIDE) |
    /* init's, which bwrap cannot give if it has not got them */
    BIT(CAP_SETUID) | BIT(CAP_SETGID) | BIT(CAP_KILL) | BIT(CAP_SETPCAP),
};

static int drop_from_bounds(uint64_t keep)
{
    for (int i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
        if (!(keep & BIT(i)) && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0)
            return -errno;
    return 0;
}

/* Not what was not there: a container's root may lack some. Nothing is inheritable. */
static int keep_only(uint64_t keep)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {0};
    if (syscall(SYS_capget, &header, sets) < 0)
        return -errno;
    for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        sets[i].permitted &= (uint32_t)(keep >> (32 * i));
        sets[i].effective = sets[i].permitted;
        sets[i].inheritable = 0;
    }
    return syscall(SYS_capset, &header, sets) < 0 ? -errno : 0;
}

int privileges_keep(enum privileged who)
{
    if (geteuid() != 0)
        return 0;
    int r = drop_from_bounds(kept[who]);
    /* A container's root may lack CAP_SETPCAP: then a run says what cannot be done without. */
    return r < 0 && r != -EPERM ? r : keep_only(kept[who]);
}
