/* The command line of studentfs(1), from one table. */
#include "options.h"

#include "doctor.h"

#include "mount_options.h"

#include "base/number.h"
#include "base/option_table.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where an INGInious grading container has its router. */
#define GRADING_CONTAINER "/sockets"
/* A day: whoever waits longer does not want a timeout. */
#define TIMEOUT_MAX 86400

/* Rows whose value goes to the agent as it is; as flags, and as lists. */
enum { FOR_AGENT = 1, FLAG_FOR_AGENT = 2, LIST_FOR_AGENT = 4 };

static option_fn take_transport, take_agent_number, take_environment, take_doctor;

#define ROW(option_name, taker, member, ...)                                                       \
    OPTION(struct options, option_name, taker, member, __VA_ARGS__)
#define TIMEOUT(option_name, member, text)                                                         \
    ROW(option_name, option_take_ms, engine.member, .max = TIMEOUT_MAX, .value = "S", .help = text)
#define AGENT_NUMBER(option_name, member, unit, text)                                              \
    ROW(option_name, take_agent_number, member, .mark = FOR_AGENT, .value = unit, .help = text)
#define AGENT_TEXT(option_name, member, what, text)                                                \
    ROW(option_name, option_take_text, member, .mark = FOR_AGENT, .value = what, .help = text)

static const struct option_row rows[] = {
    ROW("task", option_take_text, task, .value = "DIR",
        .help = "task directory; DIR/student is the student's /task/student (default: .)"),
    ROW("sockets", option_take_text, sockets, .value = "DIR",
        .help = "join the router at DIR/main.sock; start no agent\n"
                "                               (default: /sockets, if /sockets/main.sock exists)"),
    ROW("transport", take_transport, engine.transport, .value = "auto|fd|message",
        .wrong = "not auto, fd or message", .help = "how input and output travel (default: auto)"),
    TIMEOUT("connect-timeout", connect_timeout_ms, "for a router to be there (default: 10)"),
    TIMEOUT("start-timeout", start_timeout_ms, "for it to start a container (default: 60)"),
    TIMEOUT("handover-timeout", handover_timeout_ms, "for that to take its command (default: 10)"),
    TIMEOUT("fallback-timeout", fallback_timeout_ms, "until auto takes message mode (default: 10)"),
    TIMEOUT("retval-timeout", retval_timeout_ms,
            "for the return value of a container that is gone (default: 60)"),
    TIMEOUT("router-grace", router_grace_ms,
            "for the last words of a router that is gone (default: 1)"),
    ROW("agent", option_take_text, agent, .value = "PROGRAM",
        .help = "the studentfs-agent to start"),
    ROW("max-runs", option_take_number, max_runs, .min = 1, .max = 1000000, .value = "N",
        .help = "runs at most at a time (default: 65536)"),
    ROW("recording-memory", option_take_number, recording_memory, .min = 1, .max = 1 << 20,
        .value = "MIB",
        .help = "memory for recordings; what is more goes to a file (default: 1024)"),
    AGENT_NUMBER("time-limit", time_limit, "S", "CPU time of runs that set none (default: 30)"),
    AGENT_NUMBER("hard-time-limit", hard_time_limit, "S",
                 "wall-clock time of runs that set none (default: 3 x the CPU time)"),
    AGENT_NUMBER("memory-limit", memory_limit, "MIB",
                 "memory of runs that set none (default: 200)"),
    AGENT_NUMBER("max-time-limit", max_time_limit, "S", "CPU time at most"),
    AGENT_NUMBER("max-hard-time-limit", max_hard_time_limit, "S", "wall-clock time at most"),
    AGENT_NUMBER("max-memory-limit", max_memory_limit, "MIB", "memory at most"),
    AGENT_NUMBER("process-limit", process_limit, "N",
                 "processes and threads of a run (default: 1000)"),
    AGENT_NUMBER("disk-limit", disk_limit, "MIB",
                 "growth of the student's directory by a run (default: 1024; 0: none)"),
    ROW("environment", take_environment, environments, .mark = LIST_FOR_AGENT,
        .value = "NAME=ROOTFS", .wrong = "not NAME=ROOTFS",
        .help = "a root file system for runs whose container is NAME; may be repeated"),
    ROW("strict", option_take_flag, strict, .mark = FLAG_FOR_AGENT,
        .help = "runs end as 251 where a limit cannot be enforced"),
    AGENT_NUMBER("pool", pool, "N", "sandboxes prepared ahead, at least"),
    AGENT_NUMBER("pool-max", pool_max, "N", "the most, after so many ran at once"),
    AGENT_NUMBER("tmp-size", tmp_size, "MIB", "size of a run's /tmp and /dev/shm"),
    AGENT_TEXT("ssh-address", ssh_address, "ADDRESS",
               "where ssh sessions are reached (default: 127.0.0.1)"),
    AGENT_TEXT("ssh-ports", ssh_ports, "FIRST-LAST", "ports for them (default: any)"),
    AGENT_NUMBER("ssh-wait", ssh_wait, "S", "how long somebody may take to come (default: 120)"),
    AGENT_NUMBER("ssh-login-timeout", ssh_login_timeout, "S",
                 "how long a connection may take to log in (default: 60)"),
    AGENT_TEXT("log-level", log_level, "LEVEL", "error, warning, info or debug (default: warning)"),
    ROW("foreground", option_take_flag, foreground, .letter = 'f',
        .help = "stay in the foreground, log to stderr"),
    ROW("options", mount_options_take, mount_options, .letter = 'o', .value = "OPT[,OPT...]",
        .help = "mount options, e.g. allow_other, see fuse(8); or task=DIR and the like"),
    {.name = "doctor", .take = take_doctor, .help = "examine this machine, and mount nothing"},
    OPTION_HELP_ROWS,
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static const struct option_table command_line = {
    .program = "studentfs",
    .version = "studentfs " STUDENTFS_VERSION,
    .usage = "Usage: studentfs [OPTION]... [TASK] MOUNTPOINT\n"
             "Runs students' programs in sandboxes, each run a directory of MOUNTPOINT.\n",
    .after = "\nMOUNTPOINT/README tells how to use it; fusermount3 -u MOUNTPOINT ends it.",
    .rows = rows,
    .n_rows = ROWS,
    .width = 28,
};

/* --- values of our own --- */

/* With an absolute path, as the daemon does not stay in this directory. */
static int take_environment(const struct option_table *table, const struct option_row *row,
                            char *text, void *options)
{
    (void)table, (void)row;
    struct option_list *list = &((struct options *)options)->environments;
    size_t size = strcspn(text, "=");
    char *item;
    if (!text[size])
        return -EINVAL;
    if (list->n == OPTION_LIST_MAX)
        return -E2BIG;
    char *root = realpath(text + size + 1, NULL);
    if (!root)
        return -errno;
    int r = asprintf(&item, "%.*s=%s", (int)size, text, root) < 0 ? -ENOMEM : 0;
    free(root);
    if (r == 0)
        list->items[list->n++] = item;
    return r;
}

static int take_transport(const struct option_table *table, const struct option_row *row,
                          char *text, void *options)
{
    static const char *const names[] = {[STUDENTRUN_TRANSPORT_AUTO] = "auto",
                                        [STUDENTRUN_TRANSPORT_FD] = "fd",
                                        [STUDENTRUN_TRANSPORT_MESSAGE] = "message"};
    (void)table, (void)row;
    struct options *ours = options;
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i]) != 0)
            continue;
        ours->engine.transport = (enum studentrun_transport)i;
        return 0;
    }
    return -EINVAL;
}

/* Its range is the agent's business, that it is a number is ours. */
static int take_agent_number(const struct option_table *table, const struct option_row *row,
                             char *text, void *options)
{
    uint64_t number;
    int r = number_parse(text, 0, UINT32_MAX, &number);
    return r < 0 ? r : option_take_text(table, row, text, options);
}

static int take_doctor(const struct option_table *table, const struct option_row *row, char *text,
                       void *options)
{
    (void)table, (void)row, (void)text;
    const struct options *ours = options;
    return doctor_examine(ours->agent) ? OPTIONS_ANSWERED : OPTIONS_ANSWERED_BADLY;
}

/* Makes a path absolute, as the daemon does not stay in this directory. */
static int resolve(const char **path, const char *what)
{
    char *absolute = realpath(*path, NULL);
    int r = absolute ? 0 : -errno;
    if (r < 0)
        fprintf(stderr, "studentfs: %s %s: %s\n", what, *path, strerror(-r));
    *path = absolute;
    return r;
}

/*
 * In a grading container its router is taken, unless an agent is asked for; and what is only
 * for an agent of ours is a mistake where there is none.
 */
static int choose_router(struct options *options)
{
    const char *words[2];
    bool is_default =
        !options->sockets && !options->agent && access(GRADING_CONTAINER "/main.sock", F_OK) == 0;
    if (is_default)
        options->sockets = GRADING_CONTAINER;
    if (!options->sockets || options_for_agent(options, words, 2) == 0)
        return 0;
    fprintf(stderr, "studentfs: %s is for an agent of its own, but the router at %s is joined%s\n",
            words[0], options->sockets, is_default ? "; --agent PROGRAM starts one" : "");
    return -EINVAL;
}

static int resolve_paths(struct options *options)
{
    int r = resolve(&options->task, "task directory");
    if (r == 0 && options->sockets)
        r = resolve(&options->sockets, "sockets directory");
    return r;
}

static void free_list(struct option_list *list)
{
    while (list->n > 0)
        free(list->items[--list->n]);
}

static void free_lists(struct options *options)
{
    free_list(&options->environments);
    free(options->mount_options);
}

/* mount(8) always gives a source; these say nothing. */
static bool is_source(const char *word)
{
    static const char *const empty[] = {"", "-", "none", "studentfs", "fuse"};
    for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++)
        if (strcmp(empty[i], word) == 0)
            return false;
    return true;
}

/* The task's directory, where it is not an option, and the mount point. */
static int take_places(char **words, int n, struct options *options)
{
    const char *source = n == 2 && is_source(words[0]) ? words[0] : NULL;
    if (n < 1 || n > 2 || (source && options->task)) {
        fprintf(stderr, "studentfs: %s; see studentfs --help\n",
                n < 1   ? "no mount point given"
                : n > 2 ? "one task and one mount point only"
                        : "the task is given twice");
        return -EINVAL;
    }
    options->mountpoint = words[n - 1];
    if (!options->task)
        options->task = source ? source : ".";
    return 0;
}

int options_parse(int argc, char **argv, struct options *ret_options)
{
    struct options options = {.max_runs = 65536, .recording_memory = 1024};
    int r = option_parse(&command_line, argc, argv, &options);
    if (r != 0) {
        free_lists(&options);
        return r;
    }
    r = take_places(argv + optind, argc - optind, &options);
    if (r == 0)
        r = choose_router(&options);
    if (r < 0) {
        free_lists(&options);
        return r;
    }
    if (options.strict && options.sockets) {
        fputs("studentfs: --strict is the agent's: give it to the one of --sockets\n", stderr);
        free_lists(&options);
        return -EINVAL;
    }
    *ret_options = options;
    return resolve_paths(ret_options);
}

void options_deinit(struct options *options)
{
    free((char *)(uintptr_t)options->task);
    free((char *)(uintptr_t)options->sockets);
    free_lists(options);
}

unsigned options_for_agent(const struct options *options, const char **arguments, unsigned max)
{
    static char names[ROWS][32];
    unsigned n = 0;
    for (size_t i = 0; i < ROWS; i++) {
        const void *member = (const char *)options + rows[i].offset;
        const struct option_list *list = rows[i].mark & LIST_FOR_AGENT ? member : NULL;
        const char *const *value = rows[i].mark & FOR_AGENT ? member : NULL;
        unsigned values = list ? list->n : value && *value;
        snprintf(names[i], sizeof(names[i]), "--%s", rows[i].name);
        if (rows[i].mark & FLAG_FOR_AGENT && *(const bool *)member && n < max)
            arguments[n++] = names[i];
        for (unsigned j = 0; j < values && n + 2 <= max; j++) {
            arguments[n++] = names[i];
            arguments[n++] = list ? list->items[j] : *value;
        }
    }
    return n;
}
