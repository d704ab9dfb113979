/* The agent's command line: a table. */
#include "options.h"

#include "base/number.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum option_kind {
    OPTION_TEXT,
    OPTION_ENVIRONMENT,
    OPTION_NUMBER,
    OPTION_FLAG,
    OPTION_HELP,
    OPTION_VERSION
};

struct option_row {
    const char *name;
    enum option_kind kind;
    size_t offset;
    uint64_t min, max;
    const char *value; /* as the help names it; NULL: it takes none */
    const char *help;
};

#define ROW(option_name, option_kind, member, ...)                                                 \
    {                                                                                              \
        .name = option_name, .kind = option_kind, .offset = offsetof(struct options, member),      \
        __VA_ARGS__                                                                                \
    }
#define LIMIT(option_name, member, least, most, unit, text)                                        \
    ROW(option_name, OPTION_NUMBER, limits.member, .min = least, .max = most, .value = unit,       \
        .help = text)

static const struct option_row rows[] = {
    ROW("sockets", OPTION_TEXT, sockets, .value = "DIR", .help = "where main.sock is made"),
    ROW("task", OPTION_TEXT, task, .value = "DIR",
        .help = "its student/ is the runs' /task/student (default: .)"),
    LIMIT("time-limit", time_limit, 1, TIME_MAX_S, "S", "CPU seconds of a run (default: 30)"),
    LIMIT("hard-time-limit", hard_time_limit, 1, TIME_MAX_S, "S",
          "wall-clock seconds (default: 3 times the CPU limit)"),
    LIMIT("memory-limit", memory_limit, MEMORY_MIN_MIB, MEMORY_MAX_MIB, "MIB",
          "memory of a run (default: 200)"),
    LIMIT("process-limit", process_limit, 1, 1000000, "N",
          "processes and threads of a run (default: 1000)"),
    LIMIT("disk-limit", disk_limit, 0, MEMORY_MAX_MIB, "MIB",
          "growth of the student's directory by a run (default: 1024; 0: none)"),
    LIMIT("max-time-limit", max_time_limit, 1, TIME_MAX_S, "S", "CPU seconds at most"),
    LIMIT("max-hard-time-limit", max_hard_time_limit, 1, TIME_MAX_S, "S",
          "wall-clock seconds at most"),
    LIMIT("max-memory-limit", max_memory_limit, MEMORY_MIN_MIB, MEMORY_MAX_MIB, "MIB",
          "memory at most"),
    ROW("environment", OPTION_ENVIRONMENT, environments, .value = "NAME=ROOTFS",
        .help = "a root file system for runs whose container is NAME; may be repeated"),
    ROW("pool", OPTION_NUMBER, pool, .max = 1000, .value = "N",
        .help = "sandboxes prepared ahead, at least (default: 4)"),
    ROW("pool-max", OPTION_NUMBER, pool_max, .max = 1000, .value = "N",
        .help = "the most, after so many ran at once (default: 64)"),
    ROW("handover-timeout", OPTION_NUMBER, handover, .min = 1, .max = TIME_MAX_S, .value = "S",
        .help = "how long a client may take to hand over its command (default: 10)"),
    ROW("tmp-size", OPTION_NUMBER, tmp_size, .min = 1, .max = MEMORY_MAX_MIB, .value = "MIB",
        .help = "size of a run's /tmp, and of its /dev/shm (default: 64)"),
    ROW("ssh-address", OPTION_TEXT, ssh.address, .value = "ADDRESS",
        .help = "where ssh sessions are reached (default: 127.0.0.1)"),
    ROW("ssh-ports", OPTION_TEXT, ssh.ports, .value = "FIRST-LAST",
        .help = "ports for them (default: any)"),
    ROW("ssh-wait", OPTION_NUMBER, ssh.wait, .min = 1, .max = TIME_MAX_S, .value = "S",
        .help = "how long somebody may take to come (default: 120)"),
    ROW("ssh-login-timeout", OPTION_NUMBER, ssh.login, .min = 1, .max = TIME_MAX_S, .value = "S",
        .help = "how long a connection may take to log in (default: 60)"),
    ROW("ssh-server", OPTION_TEXT, ssh.program, .value = "PATH",
        .help = "the studentfs-ssh to use"),
    ROW("init", OPTION_TEXT, init, .value = "PATH", .help = "the student-init to use"),
    ROW("strict", OPTION_FLAG, strict,
        .help = "refuse runs (251) where a limit cannot be enforced"),
    ROW("doctor", OPTION_FLAG, doctor, .help = "examine what sandboxes stand on, and serve nobody"),
    ROW("ready-fd", OPTION_NUMBER, ready_fd, .min = 3, .max = INT_MAX, .value = "FD",
        .help = "write a line there when it is ready"),
    ROW("log-level", OPTION_TEXT, log_level, .value = "LEVEL",
        .help = "error, warning, info or debug (default: warning)"),
    ROW("journal", OPTION_FLAG, as_journal, .help = "write the log as for the journal"),
    ROW("die-with-parent", OPTION_FLAG, die_with_parent,
        .help = "end when the parent process ends"),
    {.name = "help", .kind = OPTION_HELP, .help = "this text"},
    {.name = "version", .kind = OPTION_VERSION, .help = "the version"},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static void print_help(void)
{
    puts("Usage: studentfs-agent --sockets DIR [OPTION]...\n"
         "Runs students' programs in sandboxes, for clients of DIR/main.sock.\n");
    for (size_t i = 0; i < ROWS; i++) {
        char left[48];
        snprintf(left, sizeof(left), "--%s%s%s", rows[i].name, rows[i].value ? " " : "",
                 rows[i].value ? rows[i].value : "");
        printf("  %-28s %s\n", left, rows[i].help);
    }
}

static int take(const struct option_row *row, const char *text, struct options *options)
{
    void *member = (char *)options + row->offset;
    int r = 0;
    switch (row->kind) {
    case OPTION_TEXT:
        *(const char **)member = text;
        break;
    case OPTION_ENVIRONMENT:
        r = environments_add(member, text);
        if (r < 0)
            fprintf(stderr, "studentfs-agent: --%s %s: %s\n", row->name, text,
                    r == -EINVAL   ? "not NAME=ROOTFS"
                    : r == -EEXIST ? "the name is taken"
                                   : strerror(-r));
        return r;
    case OPTION_NUMBER:
        r = number_parse(text, row->min, row->max, member);
        break;
    case OPTION_FLAG:
        *(bool *)member = true;
        break;
    case OPTION_HELP:
        print_help();
        return 1;
    case OPTION_VERSION:
        puts("studentfs-agent " STUDENTFS_VERSION);
        return 1;
    }
    if (r < 0)
        fprintf(stderr, "studentfs-agent: --%s %s: %s\n", row->name, text,
                r == -ERANGE ? "out of range" : "not a number");
    return r;
}

int options_parse(int argc, char **argv, struct options *ret_options)
{
    struct options *options = ret_options;
    *options = (struct options){
        .task = ".",
        .ready_fd = OPTION_NO_FD,
        .pool = 4,
        .pool_max = 64,
        .handover = 10, /* the client's own is the same */
        .tmp_size = 64,
        .ssh = {.address = "127.0.0.1", .wait = 120, .login = 60},
        /* INGInious's: 30 s, 200 MB; its init's RLIMIT_NPROC is 1000. */
        .limits = {
            .time_limit = 30, .memory_limit = 200, .process_limit = 1000, .disk_limit = 1024}};
    struct option longs[ROWS + 1] = {0};
    int index;
    for (size_t i = 0; i < ROWS; i++)
        longs[i] =
            (struct option){rows[i].name, rows[i].value ? required_argument : no_argument, NULL, 0};
    for (;;) {
        int found = getopt_long(argc, argv, "", longs, &index);
        if (found == -1)
            break;
        int r = found == 0 ? take(&rows[index], optarg, options) : -EINVAL;
        if (found != 0) /* getopt has said what is wrong */
            fputs("see studentfs-agent --help\n", stderr);
        if (r != 0)
            return r;
    }
    if (optind != argc || (!options->sockets && !options->doctor)) {
        fprintf(stderr, "studentfs-agent: %s; see studentfs-agent --help\n",
                optind != argc ? "it takes options only" : "--sockets is needed");
        return -EINVAL;
    }
    return 0;
}
