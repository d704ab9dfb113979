/* The command lines, from one table. */
#include "options.h"

#include "base/option_table.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>

/* As studentfs-agent(8) has them: seconds, MiB. */
#define TIME_MAX   1000000
#define MEMORY_MAX (UINT64_C(1) << 20)
/* A day: whoever waits longer does not want a timeout. */
#define TIMEOUT_MAX 86400

enum { SSH_ONLY = 1 }; /* rows that run_student has not */

#define ROW(option_name, taker, member, ...)                                                       \
    OPTION(struct options, option_name, taker, member, __VA_ARGS__)
#define TIMEOUT(option_name, member, text)                                                         \
    ROW(option_name, option_take_ms, waits.member, .max = TIMEOUT_MAX, .value = "S", .help = text)

static const struct option_row rows[] = {
    ROW("container", option_take_text, container, .value = "NAME",
        .help = "the environment (default: the grading container's own)"),
    ROW("time", option_take_usec, time_usec, .max = TIME_MAX, .value = "S",
        .help = "CPU seconds (default: the grading container's own)"),
    ROW("hard-time", option_take_usec, hard_time_usec, .max = TIME_MAX, .value = "S",
        .help = "wall-clock seconds (default: 3 times the CPU seconds)"),
    ROW("memory", option_take_number, memory, .max = MEMORY_MAX, .value = "MIB",
        .help = "memory (default: the grading container's own)"),
    ROW("share-network", option_take_flag, share_network,
        .help = "share the grading container's network"),
    ROW("run-as-root", option_take_flag, run_as_root, .help = "run it as root of its sandbox"),
    ROW("setup-script", option_take_text, setup_script, .mark = SSH_ONLY, .value = "COMMAND",
        .help = "is run before the session"),
    ROW("teardown-script", option_take_text, teardown_script, .value = "COMMAND",
        .help = "is run after it, in the same sandbox"),
    ROW("sockets", option_take_text, sockets, .value = "DIR",
        .help =
            "join the router at DIR/main.sock (default:\n"
            "                           $STUDENTRUN_SOCKETS, /sockets, or an agent of its own)"),
    ROW("task", option_take_text, task, .value = "DIR",
        .help = "DIR/student is the student's /task/student (default: .)"),
    ROW("agent", option_take_text, agent, .value = "PROGRAM", .help = "start this studentfs-agent"),
    ROW("ssh-address", option_take_text, ssh_address, .mark = SSH_ONLY, .value = "ADDRESS",
        .help = "where it is reached, for an agent of its own"),
    ROW("ssh-ports", option_take_text, ssh_ports, .mark = SSH_ONLY, .value = "FIRST-LAST",
        .help = "by one of these ports (default: any)"),
    ROW("ssh-wait", option_take_text, ssh_wait, .mark = SSH_ONLY, .value = "S",
        .help = "how long somebody may take to come (default: 120)"),
    ROW("transport", option_take_text, transport, .value = "MODE",
        .help = "auto, fd or message (default: auto)"),
    ROW("working-dir", option_take_text, working_dir, .value = "DIR",
        .help = "where it starts, as it sees it"),
    TIMEOUT("connect-timeout", connect_timeout_ms, "for a router to be there (default: 10)"),
    TIMEOUT("start-timeout", start_timeout_ms, "for it to start a container (default: 60)"),
    TIMEOUT("handover-timeout", handover_timeout_ms, "for that to take its command (default: 10)"),
    TIMEOUT("fallback-timeout", fallback_timeout_ms, "until auto takes messages (default: 10)"),
    TIMEOUT("retval-timeout", retval_timeout_ms,
            "for the return value, its container gone (default: 60)"),
    TIMEOUT("router-grace", router_grace_ms, "for a router that went away (default: 1)"),
    OPTION_HELP_ROWS,
};

#define TABLE(name, text, marks)                                                                   \
    {                                                                                              \
        .program = name, .version = name " (studentfs) " STUDENTFS_VERSION, .usage = text,         \
        .rows = rows, .n_rows = sizeof(rows) / sizeof(rows[0]), .hidden = marks,                   \
        .stops_at_words = true, .width = 25                                                        \
    }

static const struct option_table tables[] = {
    [CLI_RUN_STUDENT] = TABLE("run_student",
                              "Usage: run_student [OPTION]... [--] COMMAND [ARGUMENT]...\n"
                              "Runs a student's program in a sandbox.\n",
                              SSH_ONLY),
    [CLI_SSH_STUDENT] = TABLE("ssh_student",
                              "Usage: ssh_student [OPTION]... [[--] COMMAND [ARGUMENT]...]\n"
                              "Gives a student an ssh session in a sandbox.\n",
                              0),
};

/* The first word that is no option begins the command: what follows is the command's. */
int options_parse(enum cli cli, int argc, char **argv, struct options *ret_options)
{
    struct options options = {0};
    int r = option_parse(&tables[cli], argc, argv, &options);
    if (r != 0)
        return r;
    options.command = argv + optind;
    if (cli == CLI_RUN_STUDENT && !*options.command) {
        fprintf(stderr, "run_student: no command given; see run_student --help\n");
        return -EINVAL;
    }
    if (options.setup_script && *options.command) {
        fprintf(stderr, "ssh_student: a command and --setup-script are the same: give one\n");
        return -EINVAL;
    }
    *ret_options = options;
    return 0;
}
