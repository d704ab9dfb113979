/* The agent's command line: a table. */
#include "options.h"

#include "base/option_table.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>

#define ROW(option_name, taker, member, ...)                                                       \
    OPTION(struct options, option_name, taker, member, __VA_ARGS__)
#define LIMIT(option_name, member, least, most, unit, text)                                        \
    ROW(option_name, option_take_number, limits.member, .min = least, .max = most, .value = unit,  \
        .help = text)

static int take_environment(const struct option_table *table, const struct option_row *row,
                            char *text, void *options)
{
    struct options *ours = options;
    int r = environments_add(&ours->environments, text);
    if (r != -EEXIST)
        return r;
    fprintf(stderr, "%s: --%s %s: the name is taken\n", table->program, row->name, text);
    return -ECANCELED;
}

static const struct option_row rows[] = {
    ROW("sockets", option_take_text, sockets, .value = "DIR", .help = "where main.sock is made"),
    ROW("task", option_take_text, task, .value = "DIR",
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
    ROW("environment", take_environment, environments, .value = "NAME=ROOTFS",
        .wrong = "not NAME=ROOTFS",
        .help = "a root file system for runs whose container is NAME; may be repeated"),
    ROW("pool", option_take_number, pool, .max = 1000, .value = "N",
        .help = "sandboxes prepared ahead, at least (default: 4)"),
    ROW("pool-max", option_take_number, pool_max, .max = 1000, .value = "N",
        .help = "the most, after so many ran at once (default: 64)"),
    ROW("handover-timeout", option_take_number, handover, .min = 1, .max = TIME_MAX_S, .value = "S",
        .help = "how long a client may take to hand over its command (default: 10)"),
    ROW("tmp-size", option_take_number, tmp_size, .min = 1, .max = MEMORY_MAX_MIB, .value = "MIB",
        .help = "size of a run's /tmp, and of its /dev/shm (default: 64)"),
    ROW("ssh-address", option_take_text, ssh.address, .value = "ADDRESS",
        .help = "where ssh sessions are reached (default: 127.0.0.1)"),
    ROW("ssh-ports", option_take_text, ssh.ports, .value = "FIRST-LAST",
        .help = "ports for them (default: any)"),
    ROW("ssh-wait", option_take_number, ssh.wait, .min = 1, .max = TIME_MAX_S, .value = "S",
        .help = "how long somebody may take to come (default: 120)"),
    ROW("ssh-login-timeout", option_take_number, ssh.login, .min = 1, .max = TIME_MAX_S,
        .value = "S", .help = "how long a connection may take to log in (default: 60)"),
    ROW("ssh-server", option_take_text, ssh.program, .value = "PATH",
        .help = "the studentfs-ssh to use"),
    ROW("init", option_take_text, init, .value = "PATH", .help = "the student-init to use"),
    ROW("strict", option_take_flag, strict,
        .help = "refuse runs (251) where a limit cannot be enforced"),
    ROW("doctor", option_take_flag, doctor,
        .help = "examine what sandboxes stand on, and serve nobody"),
    ROW("ready-fd", option_take_number, ready_fd, .min = 3, .max = INT_MAX, .value = "FD",
        .help = "write a line there when it is ready"),
    ROW("log-level", option_take_text, log_level, .value = "LEVEL",
        .help = "error, warning, info or debug (default: warning)"),
    ROW("journal", option_take_flag, as_journal, .help = "write the log as for the journal"),
    ROW("die-with-parent", option_take_flag, die_with_parent,
        .help = "end when the parent process ends"),
    OPTION_HELP_ROWS,
};

static const struct option_table command_line = {
    .program = "studentfs-agent",
    .version = "studentfs-agent " STUDENTFS_VERSION,
    .usage = "Usage: studentfs-agent --sockets DIR [OPTION]...\n"
             "Runs students' programs in sandboxes, for clients of DIR/main.sock.\n",
    .rows = rows,
    .n_rows = sizeof(rows) / sizeof(rows[0]),
    .width = 28,
};

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
    int r = option_parse(&command_line, argc, argv, options);
    if (r != 0)
        return r;
    if (optind != argc || (!options->sockets && !options->doctor)) {
        fprintf(stderr, "studentfs-agent: %s; see studentfs-agent --help\n",
                optind != argc ? "it takes options only" : "--sockets is needed");
        return -EINVAL;
    }
    return 0;
}
