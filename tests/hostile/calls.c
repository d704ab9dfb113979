/* System calls that reach past a process, with arguments that would do it. */
#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/reboot.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARGUMENTS_MAX    6
#define POINTER(pointer) ((long)(intptr_t)(pointer))

struct call {
    const char *name;
    long number;
    long arguments[ARGUMENTS_MAX];
};

static char block[256];
static int highest = 50;
static struct timeval now;
static struct timespec precise;
static struct timex adjustment;

static const struct call *all_calls(void)
{
    const struct call calls[] = {
        {"unshare_user", SYS_unshare, {CLONE_NEWUSER}},
        {"unshare_mount", SYS_unshare, {CLONE_NEWNS}},
        {"unshare_pid", SYS_unshare, {CLONE_NEWPID}},
        {"unshare_net", SYS_unshare, {CLONE_NEWNET}},
        {"unshare_cgroup", SYS_unshare, {CLONE_NEWCGROUP}},
        {"setns", SYS_setns, {open("/proc/self/ns/net", O_RDONLY), 0}},
        {"mount_tmpfs", SYS_mount, {POINTER("x"), POINTER("/tmp"), POINTER("tmpfs"), 0, 0}},
        {"mount_bind", SYS_mount, {POINTER("/"), POINTER("/tmp"), 0, MS_BIND, 0}},
        {"remount", SYS_mount, {0, POINTER("/"), 0, MS_REMOUNT | MS_BIND, 0}},
        {"umount", SYS_umount2, {POINTER("/proc"), MNT_DETACH}},
        {"pivot_root", SYS_pivot_root, {POINTER("/tmp"), POINTER("/tmp")}},
        {"chroot", SYS_chroot, {POINTER("/tmp")}},
        {"open_tree", SYS_open_tree, {AT_FDCWD, POINTER("/"), OPEN_TREE_CLONE}},
        {"move_mount", SYS_move_mount, {AT_FDCWD, POINTER("/tmp"), AT_FDCWD, POINTER("/proc"), 0}},
        {"fsopen", SYS_fsopen, {POINTER("tmpfs"), 0}},
        {"fsconfig", SYS_fsconfig, {0, 6, 0, 0, 0}},
        {"fsmount", SYS_fsmount, {0, 0, 0}},
        {"fspick", SYS_fspick, {AT_FDCWD, POINTER("/tmp"), 0}},
        {"mount_setattr", SYS_mount_setattr, {AT_FDCWD, POINTER("/tmp"), 0, POINTER(block), 32}},
        {"name_to_handle_at",
         SYS_name_to_handle_at,
         {AT_FDCWD, POINTER("/"), POINTER(block), POINTER(block), 0}},
        {"open_by_handle_at", SYS_open_by_handle_at, {0, POINTER(block), O_RDONLY}},
        {"quotactl", SYS_quotactl, {0, POINTER("/"), 0, 0}},
        {"fanotify_init", SYS_fanotify_init, {0, 0}},
        {"keyctl", SYS_keyctl, {0, -3, 0}},
        {"add_key", SYS_add_key, {POINTER("user"), POINTER("x"), POINTER("y"), 1, -3}},
        {"request_key", SYS_request_key, {POINTER("user"), POINTER("x"), 0, -3}},
        {"bpf", SYS_bpf, {0, POINTER(block), 72}},
        {"perf_event_open", SYS_perf_event_open, {POINTER(block), 0, -1, -1, 0}},
        {"userfaultfd", SYS_userfaultfd, {1}},
        {"lease", SYS_fcntl, {0, F_SETLEASE, F_RDLCK}},
        {"process_vm_readv", SYS_process_vm_readv, {1, 0, 0, 0, 0, 0}},
        {"process_vm_writev", SYS_process_vm_writev, {1, 0, 0, 0, 0, 0}},
        {"ptrace_init", SYS_ptrace, {PTRACE_ATTACH, 1, 0, 0}},
        {"seize_init", SYS_ptrace, {PTRACE_SEIZE, 1, 0, 0}},
        {"kexec_load", SYS_kexec_load, {0, 0, 0, 0}},
        {"init_module", SYS_init_module, {POINTER(block), sizeof(block), POINTER("")}},
        {"finit_module", SYS_finit_module, {0, POINTER(""), 0}},
        {"delete_module", SYS_delete_module, {POINTER("x"), O_NONBLOCK}},
        {"reboot",
         SYS_reboot,
         {(int)LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_CAD_OFF, 0}},
        {"settimeofday", SYS_settimeofday, {POINTER(&now), 0}},
        {"clock_settime", SYS_clock_settime, {CLOCK_REALTIME, POINTER(&precise)}},
        {"adjtimex", SYS_adjtimex, {POINTER(&adjustment)}},
        {"clock_adjtime", SYS_clock_adjtime, {CLOCK_REALTIME, POINTER(&adjustment)}},
        {"swapon", SYS_swapon, {POINTER("/tmp/x"), 0}},
        {"swapoff", SYS_swapoff, {POINTER("/tmp/x")}},
        {"acct", SYS_acct, {0}},
        {"syslog", SYS_syslog, {3, POINTER(block), sizeof(block)}},
        {"vhangup", SYS_vhangup, {0}},
        {"sethostname", SYS_sethostname, {POINTER("x"), 1}},
        {"setdomainname", SYS_setdomainname, {POINTER("x"), 1}},
        {"mknod_disk", SYS_mknodat, {AT_FDCWD, POINTER("/tmp/disk"), S_IFBLK | 0666, 0x800}},
        {"mknod_memory", SYS_mknodat, {AT_FDCWD, POINTER("/tmp/mem"), S_IFCHR | 0666, 0x101}},
        {"personality_exec", SYS_personality, {READ_IMPLIES_EXEC}},
        {"personality_zero", SYS_personality, {MMAP_PAGE_ZERO}},
        {"personality_hidden", SYS_personality, {0x80000000 | READ_IMPLIES_EXEC}},
        {"real_time", SYS_sched_setscheduler, {0, SCHED_FIFO, POINTER(&highest)}},
        {"priority", SYS_setpriority, {PRIO_PROCESS, 0, -20}},
#ifdef SYS_iopl
        {"iopl", SYS_iopl, {3}},
        {"ioperm", SYS_ioperm, {0, 8, 1}},
#endif
#ifdef SYS_kexec_file_load
        {"kexec_file_load", SYS_kexec_file_load, {0, 0, 0, 0, 0}},
#endif
        {0},
    };
    static struct call copy[sizeof(calls) / sizeof(calls[0])];
    memcpy(copy, calls, sizeof(calls));
    return copy;
}

static int do_calls(const char *argument)
{
    (void)argument;
    gettimeofday(&now, NULL);
    clock_gettime(CLOCK_REALTIME, &precise);
    adjustment.modes = ADJ_STATUS;
    for (const struct call *call = all_calls(); call->name; call++) {
        const long *a = call->arguments;
        tell(call->name, syscall(call->number, a[0], a[1], a[2], a[3], a[4], a[5]));
    }
    return 0;
}

/* A child in a namespace of its own, by clone's flags. */
static int do_clones(const char *argument)
{
    static const struct {
        const char *name;
        unsigned long flag;
    } flags[] = {{"user", CLONE_NEWUSER},    {"mount", CLONE_NEWNS}, {"pid", CLONE_NEWPID},
                 {"net", CLONE_NEWNET},      {"ipc", CLONE_NEWIPC},  {"uts", CLONE_NEWUTS},
                 {"cgroup", CLONE_NEWCGROUP}};
    (void)argument;
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        long pid = syscall(SYS_clone, flags[i].flag | SIGCHLD, 0, 0, 0, 0);
        if (pid == 0)
            _exit(0);
        tell(flags[i].name, pid);
    }
    return 0;
}

/* Those that a runtime tries, and does without. */
static int do_absent(const char *argument)
{
    (void)argument;
    tell("clone3", syscall(SYS_clone3, block, 64));
    tell("io_uring_setup", syscall(SYS_io_uring_setup, 8, block));
    tell("io_uring_enter", syscall(SYS_io_uring_enter, 0, 0, 0, 0, 0));
    tell("io_uring_register", syscall(SYS_io_uring_register, 0, 0, 0, 0));
    tell("io_setup", syscall(SYS_io_setup, 8, block));
    tell("io_destroy", syscall(SYS_io_destroy, 0));
    tell("io_submit", syscall(SYS_io_submit, 0, 0, 0));
    tell("io_cancel", syscall(SYS_io_cancel, 0, block, block));
    tell("io_getevents", syscall(SYS_io_getevents, 0, 0, 0, 0, 0));
    tell("io_pgetevents", syscall(SYS_io_pgetevents, 0, 0, 0, 0, 0, 0));
    return 0;
}

#ifdef __x86_64__
static long call_i386(long number)
{
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number) : "memory", "r8", "r9", "r10", "r11");
    return result;
}

/* Numbers of another architecture: 20 is getpid there, 21 mount; x32 is a bit in ours. */
static int do_foreign(const char *argument)
{
    static const long numbers[] = {20, 21};
    (void)argument;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        int status;
        pid_t pid = fork();
        if (pid == 0) {
            long result = call_i386(numbers[i]);
            errno = (int)-result;
            tell("i386", result < 0 ? -1 : 0);
            _exit(0);
        }
        waitpid(pid, &status, 0);
        if (WIFSIGNALED(status)) /* a kernel that has none of it */
            puts("i386 ENOSYS");
    }
    tell("x32", syscall(0x40000000 + SYS_getpid));
    tell("x32", syscall(0x40000000 + SYS_mount, 0, 0, 0, 0, 0));
    return 0;
}
#else
static int do_foreign(const char *argument)
{
    (void)argument;
    return 0;
}
#endif

/* A terminal of its own, where the kernel itself would let it. The upper half is looked at by none.
 */
static int do_terminal(const char *argument)
{
    char letter = 'x';
    int discipline = 3;
    (void)argument;
    tell("controlling", open("/dev/tty", O_RDWR));
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
        return 9;
    int terminal = open(ptsname(master), O_RDWR | O_NOCTTY);
    setsid();
    ioctl(terminal, TIOCSCTTY, 0);
    tell("TIOCSTI", ioctl(terminal, TIOCSTI, &letter));
    tell("TIOCSTI_high", syscall(SYS_ioctl, terminal, TIOCSTI | (1L << 32), &letter));
    tell("TIOCLINUX", ioctl(terminal, TIOCLINUX, &letter));
    tell("TIOCSETD", ioctl(terminal, TIOCSETD, &discipline));
    return 0;
}

/* What debuggers ask for, and other programs. */
static int do_allowed(const char *argument)
{
    (void)argument;
    tell("personality_get", personality(0xffffffff));
    tell("personality_fixed", personality(ADDR_NO_RANDOMIZE));
    tell("personality_plain", personality(0));
    pid_t pid = fork();
    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        _exit(0);
    }
    int status;
    waitpid(pid, &status, 0);
    tell("ptrace_child", ptrace(PTRACE_CONT, pid, 0, 0));
    return 0;
}

const struct attack call_attacks[] = {{"calls", do_calls},
                                      {"clones", do_clones},
                                      {"absent", do_absent},
                                      {"foreign", do_foreign},
                                      {"terminal", do_terminal},
                                      {"allowed", do_allowed},
                                      {0}};
