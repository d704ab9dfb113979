/* The command lines, from one table. */
#include "options.h"

#include "base/number.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* As studentfs-agent(8) has them. */
#define TIME_MAX_USEC (UINT64_C(1000000) * NUMBER_USEC_PER_S)
#define MEMORY_MAX    (UINT64_C(1) << 20)
/* A day: whoever waits longer does not want a timeout. */
#define TIMEOUT_MAX_USEC (UINT64_C(86400) * NUMBER_USEC_PER_S)
#define USEC_PER_MS      1000

enum option_kind {
    OPTION_FLAG,
    OPTION_TEXT,
    OPTION_SECONDS,
    OPTION_MIB,
    OPTION_TIMEOUT,
    OPTION_HELP,
    OPTION_VERSION
};

struct option_row {
    const char *name;
    enum option_kind kind;
    bool ssh_only;
    size_t offset;
    const char *value, *help;
};

#define ROW(option_name, option_kind, member, ...)                                                 \
    {                                                                                              \
        .name = option_name, .kind = option_kind, .offset = offsetof(struct options, member),      \
        __VA_ARGS__                                                                                \
    }

static const struct option_row rows[] = {
    ROW("container", OPTION_TEXT, container, .value = "NAME",
        .help = "the environment (default: the grading container's own)"),
    ROW("time", OPTION_SECONDS, time_usec, .value = "S",
        .help = "CPU seconds (default: the grading container's own)"),
    ROW("hard-time", OPTION_SECONDS, hard_time_usec, .value = "S",
        .help = "wall-clock seconds (default: 3 times the CPU seconds)"),
    ROW("memory", OPTION_MIB, memory, .value = "MIB",
        .help = "memory (default: the grading container's own)"),
    ROW("share-network", OPTION_FLAG, share_network,
        .help = "share the grading container's network"),
    ROW("run-as-root", OPTION_FLAG, run_as_root, .help = "run it as root of its sandbox"),
    ROW("setup-script", OPTION_TEXT, setup_script, .ssh_only = true, .value = "COMMAND",
        .help = "is run before the session"),
    ROW("teardown-script", OPTION_TEXT, teardown_script, .value = "COMMAND",
        .help = "is run after it, in the same sandbox"),
    ROW("sockets", OPTION_TEXT, sockets, .value = "DIR",
        .help =
            "join the router at DIR/main.sock (default:\n"
            "                           $STUDENTRUN_SOCKETS, /sockets, or an agent of its own)"),
    ROW("task", OPTION_TEXT, task, .value = "DIR",
        .help = "DIR/student is the student's /task/student (default: .)"),
    ROW("agent", OPTION_TEXT, agent, .value = "PROGRAM", .help = "start this studentfs-agent"),
    ROW("ssh-address", OPTION_TEXT, ssh_address, .ssh_only = true, .value = "ADDRESS",
        .help = "where it is reached, for an agent of its own"),
    ROW("ssh-ports", OPTION_TEXT, ssh_ports, .ssh_only = true, .value = "FIRST-LAST",
        .help = "by one of these ports (default: any)"),
    ROW("ssh-wait", OPTION_TEXT, ssh_wait, .ssh_only = true, .value = "S",
        .help = "how long somebody may take to come (default: 120)"),
    ROW("transport", OPTION_TEXT, transport, .value = "MODE",
        .help = "auto, fd or message (default: auto)"),
    ROW("working-dir", OPTION_TEXT, working_dir, .value = "DIR",
        .help = "where it starts, as it sees it"),
    ROW("connect-timeout", OPTION_TIMEOUT, waits.connect_timeout_ms, .value = "S",
        .help = "for a router to be there (default: 10)"),
    ROW("start-timeout", OPTION_TIMEOUT, waits.start_timeout_ms, .value = "S",
        .help = "for it to start a container (default: 60)"),
    ROW("handover-timeout", OPTION_TIMEOUT, waits.handover_timeout_ms, .value = "S",
        .help = "for that to take its command (default: 10)"),
    ROW("fallback-timeout", OPTION_TIMEOUT, waits.fallback_timeout_ms, .value = "S",
        .help = "until auto takes messages (default: 10)"),
    ROW("retval-timeout", OPTION_TIMEOUT, waits.retval_timeout_ms, .value = "S",
        .help = "for the return value, its container gone (default: 60)"),
    ROW("router-grace", OPTION_TIMEOUT, waits.router_grace_ms, .value = "S",
        .help = "for a router that went away (default: 1)"),
    {.name = "help", .kind = OPTION_HELP, .help = "this text"},
    {.name = "version", .kind = OPTION_VERSION, .help = "the version"},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static const struct {
    const char *name, *usage;
} programs[] = {
    [CLI_RUN_STUDENT] = {"run_student",
                         "Usage: run_student [OPTION]... [--] COMMAND [ARGUMENT]...\n"
                         "Runs a student's program in a sandbox.\n"},
    [CLI_SSH_STUDENT] = {"ssh_student",
                         "Usage: ssh_student [OPTION]... [[--] COMMAND [ARGUMENT]...]\n"
                         "Gives a student an ssh session in a sandbox.\n"},
};

static bool has(enum cli cli, const struct option_row *row)
{
    return !row->ssh_only || cli == CLI_SSH_STUDENT;
}

static int print_help(enum cli cli)
{
    puts(programs[cli].usage);
    for (size_t i = 0; i < ROWS; i++) {
        char left[64];
        if (!has(cli, &rows[i]))
            continue;
        snprintf(left, sizeof(left), "%s--%s%s%s", rows[i].kind == OPTION_HELP ? "-h, " : "",
                 rows[i].name, rows[i].value ? " " : "", rows[i].value ? rows[i].value : "");
        printf("  %-25s %s\n", left, rows[i].help);
    }
    return 1;
}

/* Rounded up: 0 would be the default. */
static int take_timeout(const char *text, uint32_t *ret_ms)
{
    uint64_t usec;
    int r = number_parse_seconds(text, TIMEOUT_MAX_USEC, &usec);
    if (r == 0)
        *ret_ms = (uint32_t)((usec + USEC_PER_MS - 1) / USEC_PER_MS);
    return r;
}

static int take(enum cli cli, const struct option_row *row, const char *text,
                struct options *options)
{
    void *member = (char *)options + row->offset;
    int r = 0;
    switch (row->kind) {
    case OPTION_FLAG:
        *(bool *)member = true;
        break;
    case OPTION_TEXT:
        *(const char **)member = text;
        break;
    case OPTION_SECONDS:
        r = number_parse_seconds(text, TIME_MAX_USEC, member);
        break;
    case OPTION_MIB:
        r = number_parse(text, 0, MEMORY_MAX, member);
        break;
    case OPTION_TIMEOUT:
        r = take_timeout(text, member);
        break;
    case OPTION_HELP:
        return print_help(cli);
    case OPTION_VERSION:
        printf("%s (studentfs) " STUDENTFS_VERSION "\n", programs[cli].name);
        return 1;
    }
    if (r < 0)
        fprintf(stderr, "%s: --%s %s: %s\n", programs[cli].name, row->name, text,
                r == -ERANGE ? "out of range" : "not a number");
    return r;
}

static void make_getopt_table(enum cli cli, struct option *longs)
{
    size_t n = 0;
    for (size_t i = 0; i < ROWS; i++)
        if (has(cli, &rows[i]))
            longs[n++] = (struct option){
                rows[i].name, rows[i].value ? required_argument : no_argument, NULL, (int)i + 256};
    longs[n] = (struct option){0};
}

/* The first word that is no option begins the command: what follows is the command's. */
int options_parse(enum cli cli, int argc, char **argv, struct options *ret_options)
{
    struct options options = {0};
    struct option longs[ROWS + 1];
    make_getopt_table(cli, longs);
    for (int found; (found = getopt_long(argc, argv, "+h", longs, NULL)) != -1;) {
        const struct option_row *row = found >= 256 ? &rows[found - 256] : NULL;
        int r = found == 'h' ? print_help(cli) : -EINVAL;
        if (!row && found != 'h') /* getopt has said what is wrong */
            fprintf(stderr, "see %s --help\n", programs[cli].name);
        if (row)
            r = take(cli, row, optarg, &options);
        if (r != 0)
            return r;
    }
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
