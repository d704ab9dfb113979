/*
 * The seccomp filter. A list of refusals, not of permissions: students' programs come in every
 * language, and what isolates them are namespaces, ids and cgroups. Refused is what opens the
 * kernel's less-trodden doors, or reaches what no namespace covers.
 */
#include "filter.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ioprio.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define LOW_WORD UINT64_C(0xffffffff) /* the kernel looks at 32 bits of these arguments */

struct rule {
    const char *name;
    int error;
    unsigned argument;
    enum scmp_compare compare; /* _SCMP_CMP_MIN: any arguments */
    uint64_t mask_or_value, value;
};

static const struct rule rules[] = {
    /* namespaces: a user namespace gives capabilities over the kernel's code for all of these */
    {"unshare", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    {"setns", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    {"clone3", ENOSYS, 0, _SCMP_CMP_MIN, 0, 0}, /* flags in memory: glibc falls back to clone */
    {"clone", EPERM, 0, SCMP_CMP_MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER},
    {"clone", EPERM, 0, SCMP_CMP_MASKED_EQ, CLONE_NEWNS, CLONE_NEWNS},
    {"clone", EPERM, 0, SCMP_CMP_MASKED_EQ, CLONE_NEWPID, CLONE_NEWPID},
    {"clone", EPERM, 0, SCMP_CMP_MASKED_EQ, CLONE_NEWNET, CLONE_NEWNET},
    {"clone", EPERM, 0, SCMP_CMP_MASKED_EQ, CLONE_NEWIPC, CLONE_NEWIPC},
    {"clone", EPERM, 0, SCMP_CMP_MASKED_EQ, CLONE_NEWUTS, CLONE_NEWUTS},
    {"clone", EPERM, 0, SCMP_CMP_MASKED_EQ, CLONE_NEWCGROUP, CLONE_NEWCGROUP},
    /* the file system's shape */
    {"mount", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    {"umount2", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    {"pivot_root", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    {"chroot", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    {"open_tree", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    {"move_mount", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    {"fsopen", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    {"fsconfig", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    {"fsmount", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    {"fspick", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    {"mount_setattr", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    {"name_to_handle_at", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    {"open_by_handle_at", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    /* takes space and writes nothing: disk.h counts what is written; libc writes where it is told
       so */
    {"fallocate", EOPNOTSUPP, 0, _SCMP_CMP_MIN, 0, 0},
    {"fanotify_init", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    {"quotactl_fd", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    {"quotactl", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    {"swapon", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    {"swapoff", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    /* keys belong to the uid, and all students are uid 4242 */
    {"keyctl", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    {"add_key", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    {"request_key", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    /* wide kernel surfaces that no exercise needs; runtimes fall back from ENOSYS */
    {"io_uring_setup", ENOSYS, 0, _SCMP_CMP_MIN, 0, 0},
    {"io_uring_enter", ENOSYS, 0, _SCMP_CMP_MIN, 0, 0},
    {"io_uring_register", ENOSYS, 0, _SCMP_CMP_MIN, 0, 0},
    /* as many as fs.aio-max-nr are there for the whole machine, and one program may take them */
    {"io_setup", ENOSYS, 0, _SCMP_CMP_MIN, 0, 0},
    {"io_destroy", ENOSYS, 0, _SCMP_CMP_MIN, 0, 0},
    {"io_submit", ENOSYS, 0, _SCMP_CMP_MIN, 0, 0},
    {"io_cancel", ENOSYS, 0, _SCMP_CMP_MIN, 0, 0},
    {"io_getevents", ENOSYS, 0, _SCMP_CMP_MIN, 0, 0},
    {"io_pgetevents", ENOSYS, 0, _SCMP_CMP_MIN, 0, 0},
    /* a lease keeps whoever opens his file waiting, for 45 seconds: the grader */
    {"fcntl", EPERM, 1, SCMP_CMP_MASKED_EQ, LOW_WORD, F_SETLEASE},
    {"perf_event_open", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    {"userfaultfd", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    {"bpf", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    {"process_vm_readv", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    {"process_vm_writev", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    /* process 1, where it has the student's uid (he is root, or the agent is not): without files,
       processes or a turn it does not tear down */
    {"prlimit64", EPERM, 0, SCMP_CMP_MASKED_EQ, LOW_WORD, 1},
    {"sched_setaffinity", EPERM, 0, SCMP_CMP_MASKED_EQ, LOW_WORD, 1},
    {"sched_setscheduler", EPERM, 0, SCMP_CMP_MASKED_EQ, LOW_WORD, 1},
    {"sched_setparam", EPERM, 0, SCMP_CMP_MASKED_EQ, LOW_WORD, 1},
    {"sched_setattr", EPERM, 0, SCMP_CMP_MASKED_EQ, LOW_WORD, 1},
    {"setpriority", EPERM, 1, SCMP_CMP_MASKED_EQ, LOW_WORD, 1},
    {"setpriority", EPERM, 0, SCMP_CMP_MASKED_EQ, LOW_WORD, PRIO_USER},
    {"ioprio_set", EPERM, 1, SCMP_CMP_MASKED_EQ, LOW_WORD, 1},
    {"ioprio_set", EPERM, 0, SCMP_CMP_MASKED_EQ, LOW_WORD, IOPRIO_WHO_USER},
    /* the machine */
    {"kexec_load", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    {"kexec_file_load", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    {"init_module", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    {"finit_module", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    {"delete_module", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    {"reboot", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    {"settimeofday", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    {"clock_settime", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    {"adjtimex", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    {"clock_adjtime", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    {"iopl", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    {"ioperm", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    {"acct", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    {"syslog", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    {"lookup_dcookie", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    {"vhangup", EPERM, 0, _SCMP_CMP_MIN, 0, 0},
    /* input put into a terminal that the grader uses */
    {"ioctl", EPERM, 1, SCMP_CMP_MASKED_EQ, LOW_WORD, TIOCSTI},
    {"ioctl", EPERM, 1, SCMP_CMP_MASKED_EQ, LOW_WORD, TIOCLINUX},
    /* a line discipline is a module, loaded for whoever asks */
    {"ioctl", EPERM, 1, SCMP_CMP_MASKED_EQ, LOW_WORD, TIOCSETD},
};

/* What refuses with an error where up to two arguments, looked at as 32 bits, are so. */
static int refuse(scmp_filter_ctx filter, int call, int error, unsigned n,
                  struct scmp_arg_cmp first, struct scmp_arg_cmp second)
{
    const struct scmp_arg_cmp arguments[] = {first, second};
    return seccomp_rule_add_array(filter, SCMP_ACT_ERRNO((unsigned)error), call, n, arguments);
}

/*
 * UNIX, INET, INET6 and NETLINK; others reach past namespaces (AF_VSOCK: the hypervisor), and
 * asking for one makes the machine load its module.
 */
static int add_family_rules(scmp_filter_ctx filter, int call)
{
    static const uint64_t families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
    const size_t n = sizeof(families) / sizeof(families[0]);
    const struct scmp_arg_cmp none = {0}, above = SCMP_CMP32(0, SCMP_CMP_GT, AF_NETLINK, 0);
    int r = 0;
    /* Between the allowed ones, then everything above: rules of a name are joined by OR. */
    for (uint64_t family = 0; family <= AF_NETLINK && r == 0; family++) {
        bool allowed = false;
        for (size_t i = 0; i < n; i++)
            allowed |= families[i] == family;
        if (!allowed)
            r = refuse(filter, call, EAFNOSUPPORT, 1,
                       SCMP_CMP32(0, SCMP_CMP_EQ, (uint32_t)family, 0), none);
    }
    return r < 0 ? r : refuse(filter, call, EAFNOSUPPORT, 1, above, none);
}

/*
 * Of netlink the routing table alone, which tells a program its addresses. Of INET what is there
 * in every kernel: TCP, UDP, ICMP and ICMPV6, raw to be refused for want of a capability. SCTP,
 * DCCP, L2TP and their like are modules, loaded for whoever asks.
 */
static int add_protocol_rules(scmp_filter_ctx filter)
{
    static const uint32_t inet[] = {AF_INET, AF_INET6};
    int r = refuse(filter, SCMP_SYS(socket), EPROTONOSUPPORT, 2,
                   SCMP_CMP32(0, SCMP_CMP_EQ, AF_NETLINK, 0),
                   SCMP_CMP32(2, SCMP_CMP_NE, NETLINK_ROUTE, 0));
    for (size_t i = 0; i < sizeof(inet) / sizeof(inet[0]) && r == 0; i++) {
        const struct scmp_arg_cmp family = SCMP_CMP32(0, SCMP_CMP_EQ, inet[i], 0);
        r = refuse(filter, SCMP_SYS(socket), EPROTONOSUPPORT, 2, family,
                   SCMP_CMP32(2, SCMP_CMP_EQ, IPPROTO_DCCP, 0));
        if (r == 0)
            r = refuse(filter, SCMP_SYS(socket), EPROTONOSUPPORT, 2, family,
                       SCMP_CMP32(2, SCMP_CMP_GT, IPPROTO_ICMPV6, 0));
    }
    return r;
}

static int add_socket_rules(scmp_filter_ctx filter)
{
    int r = add_family_rules(filter, SCMP_SYS(socket));
    if (r == 0)
        r = add_family_rules(filter, SCMP_SYS(socketpair));
    return r < 0 ? r : add_protocol_rules(filter);
}

/*
 * A personality weakens a program's own protections, and reaches old code of the kernel's. Left are
 * asking for it, all bits set, and what debuggers and old programs want. Each other bit is
 * refused where the highest is clear; where that is set, every bit that is clear.
 */
static int add_personality_rules(scmp_filter_ctx filter)
{
    static const uint64_t harmless = PER_LINUX32 | UNAME26 | ADDR_NO_RANDOMIZE, top = 1u << 31;
    const struct scmp_arg_cmp none = {0};
    int r = 0;
    for (uint64_t bit = 1; bit < top && r == 0; bit <<= 1) {
        if (!(bit & harmless))
            r = refuse(filter, SCMP_SYS(personality), EPERM, 1,
                       SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, bit | top, bit), none);
        if (r == 0)
            r = refuse(filter, SCMP_SYS(personality), EPERM, 1,
                       SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, bit | top, top), none);
    }
    return r;
}

static int add_rules(scmp_filter_ctx filter)
{
    int r = 0;
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]) && r == 0; i++) {
        const struct rule *rule = &rules[i];
        int number = seccomp_syscall_resolve_name(rule->name);
        /* A libseccomp, or an architecture, that does not know it: nor can it be called by name. */
        if (number == __NR_SCMP_ERROR)
            continue;
        struct scmp_arg_cmp argument =
            SCMP_CMP(rule->argument, rule->compare, rule->mask_or_value, rule->value);
        r = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO((unsigned)rule->error), number,
                                   rule->compare == _SCMP_CMP_MIN ? 0 : 1, &argument);
    }
    if (r == 0)
        r = add_socket_rules(filter);
    return r < 0 ? r : add_personality_rules(filter);
}

int filter_new(int *ret_fd)
{
    _cleanup_close_ int fd = memfd_create("seccomp", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (!filter)
        return -ENOMEM;
    /* i386 and x32 would be a second way to every call above. */
    int r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
    if (r == 0)
        r = add_rules(filter);
    if (r == 0)
        r = seccomp_export_bpf(filter, fd);
    seccomp_release(filter);
    if (r == 0)
        *ret_fd = fd_steal(&fd);
    return r;
}
