/* Processes that multiply, stay, hide, or go for others. */
#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void wait_for_ever(void)
{
    for (;;)
        pause();
}

static int do_fork_bomb(const char *argument)
{
    (void)argument;
    while (fork() >= 0 || errno == EAGAIN)
        ;
    return 9;
}

static void *breed(void *argument)
{
    pthread_t thread;
    for (;;)
        pthread_create(&thread, NULL, breed, NULL);
    return argument;
}

static int do_thread_bomb(const char *argument)
{
    (void)argument;
    breed(NULL);
    return 0;
}

/* A new session and process group each, and its parent gone at once. */
static int do_orphans(const char *argument)
{
    (void)argument;
    for (;;) {
        pid_t pid = fork();
        if (pid == 0) {
            setsid();
            if (fork() == 0)
                continue;
            _exit(0);
        }
        if (pid > 0)
            waitpid(pid, NULL, 0);
    }
}

/* Every signal to every process there is, and to process 1 by itself. */
static int do_signals(const char *argument)
{
    (void)argument;
    for (int i = 1; i < NSIG; i++)
        signal(i, SIG_IGN);
    for (int i = 1; i < NSIG; i++) {
        if (i == SIGKILL || i == SIGSTOP)
            continue;
        kill(-1, i);
        kill(1, i);
    }
    kill(1, SIGSTOP);
    kill(1, SIGKILL);
    tell("everybody", kill(-1, SIGKILL));
    for (pid_t pid = 2; pid < 40000; pid++)
        if (pid != getpid() && kill(pid, SIGKILL) == 0)
            printf("hit %d\n", pid);
    tell("itself", 0);
    return 0;
}

#define IOPRIO_OF_PROCESS 1
#define IOPRIO_OF_USER    3
#define IOPRIO_IDLE       (3 << 13)

/* Limits and a turn at the processor that keep process 1 from what it has to do after the command.
 */
static void starve_init(void)
{
    const struct rlimit none = {0, 0};
    const struct sched_param idle = {0};
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(0, &cpus);
    tell("processes", prlimit(1, RLIMIT_NPROC, &none, NULL));
    tell("open_files", prlimit(1, RLIMIT_NOFILE, &none, NULL));
    /* As the kernel takes its number, in 32 bits. */
    tell("memory", syscall(SYS_prlimit64, 1L << 32 | 1, RLIMIT_AS, &none, NULL));
    tell("processors", sched_setaffinity(1, sizeof(cpus), &cpus));
    tell("scheduler", sched_setscheduler(1, SCHED_IDLE, &idle));
    tell("parameter", sched_setparam(1, &idle));
    tell("attributes", syscall(SYS_sched_setattr, 1, &(uint32_t[12]){48, SCHED_IDLE}, 0));
    tell("priority", setpriority(PRIO_PROCESS, 1, 19));
    tell("priority_of_all", setpriority(PRIO_USER, 0, 19));
    tell("io", syscall(SYS_ioprio_set, IOPRIO_OF_PROCESS, 1, IOPRIO_IDLE));
    tell("io_of_all", syscall(SYS_ioprio_set, IOPRIO_OF_USER, getuid(), IOPRIO_IDLE));
}

/* What can be seen and opened of process 1, and of whoever else is there. */
static int do_init(const char *argument)
{
    static const char *const names[] = {"root", "exe",     "cwd",  "ns/net",          "fd",
                                        "mem",  "environ", "maps", "root/etc/shadow", "task/1/mem",
                                        "fd/3"};
    (void)argument;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[64];
        snprintf(path, sizeof(path), "/proc/1/%s", names[i]);
        tell(names[i], open(path, O_RDONLY));
    }
    tell("mem_write", open("/proc/1/mem", O_RDWR));
    tell("oom_score_adj", open("/proc/1/oom_score_adj", O_WRONLY));
    int pidfd = (int)syscall(SYS_pidfd_open, 1, 0);
    tell("pidfd_getfd", syscall(SYS_pidfd_getfd, pidfd, 3, 0));
    tell("pidfd_kill", syscall(SYS_pidfd_send_signal, pidfd, SIGUSR1, NULL, 0));
    starve_init();
    return 0;
}

/* Whatever reaches into another process, tried on one whose number outside of here he was told. */
static int do_neighbour(const char *argument)
{
    static const char *const files[] = {"mem", "environ", "maps", "root", "fd", "status"};
    struct rlimit limit;
    char byte, path[64];
    cpu_set_t cpus;
    pid_t pid = (pid_t)strtol(argument, NULL, 10);
    struct iovec here = {&byte, 1}, there = {do_neighbour, 1};
    CPU_ZERO(&cpus);
    CPU_SET(0, &cpus);
    tell("kill", kill(pid, SIGKILL));
    tell("kill_group", kill(-pid, SIGKILL));
    tell("signal_thread", syscall(SYS_tgkill, pid, pid, SIGKILL));
    tell("queue", sigqueue(pid, SIGUSR1, (union sigval){0}));
    tell("attach", ptrace(PTRACE_ATTACH, pid, NULL, NULL));
    tell("seize", ptrace(PTRACE_SEIZE, pid, NULL, NULL));
    tell("vm_read", process_vm_readv(pid, &here, 1, &there, 1, 0));
    tell("vm_write", process_vm_writev(pid, &here, 1, &there, 1, 0));
    tell("pidfd", syscall(SYS_pidfd_open, pid, 0));
    tell("prlimit", prlimit(pid, RLIMIT_CPU, NULL, &limit));
    tell("affinity", sched_setaffinity(pid, sizeof(cpus), &cpus));
    tell("priority", setpriority(PRIO_PROCESS, (id_t)pid, 19));
    tell("move_pages", syscall(SYS_move_pages, pid, 0, NULL, NULL, NULL, 0));
    tell("kcmp", syscall(SYS_kcmp, getpid(), pid, 0, 0, 0));
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(path, sizeof(path), "/proc/%d/%s", pid, files[i]);
        tell(files[i], open(path, O_RDONLY));
    }
    return 0;
}

/* Of a session of its own, deaf to all signals, with the streams in hand; stopped on "stop". */
static int do_stay(const char *argument)
{
    for (int i = 1; i < NSIG; i++)
        signal(i, SIG_IGN);
    if (fork() > 0) {
        puts("left");
        return 7;
    }
    setsid();
    if (strcmp(argument, "stop") == 0)
        kill(getpid(), SIGSTOP);
    wait_for_ever();
}

/* Its parent's and its own death, by every way to end a process. */
static int do_stop(const char *argument)
{
    (void)argument;
    if (fork() == 0) {
        kill(getppid(), SIGSTOP);
        kill(getpid(), SIGSTOP);
    }
    wait_for_ever();
}

/* Reads nothing, writes errors without end. */
static int do_flood_errors(const char *argument)
{
    static char block[1 << 16];
    (void)argument;
    memset(block, 'e', sizeof(block));
    for (;;)
        if (write(STDERR_FILENO, block, sizeof(block)) < 0)
            return 9;
}

/* From a child, so that nothing of the command itself is left. */
static int do_abort(const char *argument)
{
    (void)argument;
    raise(SIGABRT);
    return 9;
}

const struct attack process_attacks[] = {{"fork_bomb", do_fork_bomb},
                                         {"thread_bomb", do_thread_bomb},
                                         {"orphans", do_orphans},
                                         {"signals_to_all", do_signals},
                                         {"init", do_init},
                                         {"stay", do_stay},
                                         {"stop", do_stop},
                                         {"flood_errors", do_flood_errors},
                                         {"abort", do_abort},
                                         {"neighbour", do_neighbour},
                                         {0}};
