/* The command line of studentfs(1), from one table. */
#include "options.h"

#include "doctor.h"

#include "base/number.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where an INGInious grading container has its router. */
#define GRADING_CONTAINER "/sockets"

enum option_kind {
    OPTION_FLAG,
    OPTION_TEXT,
    OPTION_NUMBER,
    OPTION_TIMEOUT,
    OPTION_TRANSPORT,
    OPTION_AGENT,
    OPTION_AGENT_FLAG,
    OPTION_ENVIRONMENT,
    OPTION_AGENT_TEXT,
    OPTION_MOUNT,
    OPTION_DOCTOR,
    OPTION_HELP,
    OPTION_VERSION
};

/* A day: whoever waits longer does not want a timeout. */
#define TIMEOUT_MAX_S 86400

struct option_row {
    const char *name;
    char letter; /* or 0 */
    enum option_kind kind;
    size_t offset;
    uint64_t max; /* of a number, at least 1 */
    const char *value, *help;
};

#define ROW(option_name, option_kind, member, ...)                                                 \
    {                                                                                              \
        .name = option_name, .kind = option_kind, .offset = offsetof(struct options, member),      \
        __VA_ARGS__                                                                                \
    }

static const struct option_row rows[] = {
    ROW("task", OPTION_TEXT, task, .value = "DIR",
        .help = "task directory; DIR/student is the student's /task/student (default: .)"),
    ROW("sockets", OPTION_TEXT, sockets, .value = "DIR",
        .help = "join the router at DIR/main.sock; start no agent\n"
                "                               (default: /sockets, if /sockets/main.sock exists)"),
    ROW("transport", OPTION_TRANSPORT, engine.transport, .value = "auto|fd|message",
        .help = "how input and output travel (default: auto)"),
    ROW("connect-timeout", OPTION_TIMEOUT, engine.connect_timeout_ms, .value = "S",
        .help = "for a router to be there (default: 10)"),
    ROW("start-timeout", OPTION_TIMEOUT, engine.start_timeout_ms, .value = "S",
        .help = "for it to start a container (default: 60)"),
    ROW("handover-timeout", OPTION_TIMEOUT, engine.handover_timeout_ms, .value = "S",
        .help = "for that to take its command (default: 10)"),
    ROW("fallback-timeout", OPTION_TIMEOUT, engine.fallback_timeout_ms, .value = "S",
        .help = "until auto takes message mode (default: 10)"),
    ROW("retval-timeout", OPTION_TIMEOUT, engine.retval_timeout_ms, .value = "S",
        .help = "for the return value of a container that is gone (default: 60)"),
    ROW("router-grace", OPTION_TIMEOUT, engine.router_grace_ms, .value = "S",
        .help = "for the last words of a router that is gone (default: 1)"),
    ROW("agent", OPTION_TEXT, agent, .value = "PROGRAM", .help = "the studentfs-agent to start"),
    ROW("max-runs", OPTION_NUMBER, max_runs, .max = 1000000, .value = "N",
        .help = "runs at most at a time (default: 65536)"),
    ROW("recording-memory", OPTION_NUMBER, recording_memory, .max = 1 << 20, .value = "MIB",
        .help = "memory for recordings; what is more goes to a file (default: 1024)"),
    ROW("time-limit", OPTION_AGENT, time_limit, .value = "S",
        .help = "CPU time of runs that set none (default: 30)"),
    ROW("hard-time-limit", OPTION_AGENT, hard_time_limit, .value = "S",
        .help = "wall-clock time of runs that set none (default: 3 x the CPU time)"),
    ROW("memory-limit", OPTION_AGENT, memory_limit, .value = "MIB",
        .help = "memory of runs that set none (default: 200)"),
    ROW("max-time-limit", OPTION_AGENT, max_time_limit, .value = "S", .help = "CPU time at most"),
    ROW("max-hard-time-limit", OPTION_AGENT, max_hard_time_limit, .value = "S",
        .help = "wall-clock time at most"),
    ROW("max-memory-limit", OPTION_AGENT, max_memory_limit, .value = "MIB",
        .help = "memory at most"),
    ROW("process-limit", OPTION_AGENT, process_limit, .value = "N",
        .help = "processes and threads of a run (default: 1000)"),
    ROW("disk-limit", OPTION_AGENT, disk_limit, .value = "MIB",
        .help = "growth of the student's directory by a run (default: 1024; 0: none)"),
    ROW("environment", OPTION_ENVIRONMENT, environments, .value = "NAME=ROOTFS",
        .help = "a root file system for runs whose container is NAME; may be repeated"),
    ROW("strict", OPTION_AGENT_FLAG, strict,
        .help = "runs end as 251 where a limit cannot be enforced"),
    ROW("pool", OPTION_AGENT, pool, .value = "N", .help = "sandboxes prepared ahead, at least"),
    ROW("pool-max", OPTION_AGENT, pool_max, .value = "N",
        .help = "the most, after so many ran at once"),
    ROW("tmp-size", OPTION_AGENT, tmp_size, .value = "MIB",
        .help = "size of a run's /tmp and /dev/shm"),
    ROW("ssh-address", OPTION_AGENT_TEXT, ssh_address, .value = "ADDRESS",
        .help = "where ssh sessions are reached (default: 127.0.0.1)"),
    ROW("ssh-ports", OPTION_AGENT_TEXT, ssh_ports, .value = "FIRST-LAST",
        .help = "ports for them (default: any)"),
    ROW("ssh-wait", OPTION_AGENT, ssh_wait, .value = "S",
        .help = "how long somebody may take to come (default: 120)"),
    ROW("ssh-login-timeout", OPTION_AGENT, ssh_login_timeout, .value = "S",
        .help = "how long a connection may take to log in (default: 60)"),
    ROW("log-level", OPTION_AGENT_TEXT, log_level, .value = "LEVEL",
        .help = "error, warning, info or debug (default: warning)"),
    ROW("foreground", OPTION_FLAG, foreground, .letter = 'f',
        .help = "stay in the foreground, log to stderr"),
    ROW("options", OPTION_MOUNT, mount_options, .letter = 'o', .value = "OPT[,OPT...]",
        .help = "mount options, e.g. allow_other, see fuse(8); or task=DIR and the like"),
    {.name = "doctor", .kind = OPTION_DOCTOR, .help = "examine this machine, and mount nothing"},
    {.name = "help", .letter = 'h', .kind = OPTION_HELP, .help = "this text"},
    {.name = "version", .letter = 'V', .kind = OPTION_VERSION, .help = "the version"},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static void print_help(void)
{
    puts("Usage: studentfs [OPTION]... [TASK] MOUNTPOINT\n"
         "Runs students' programs in sandboxes, each run a directory of MOUNTPOINT.\n");
    for (size_t i = 0; i < ROWS; i++) {
        char left[64], letter[] = {'-', rows[i].letter, ',', ' ', 0};
        snprintf(left, sizeof(left), "%s--%s%s%s", rows[i].letter ? letter : "", rows[i].name,
                 rows[i].value ? " " : "", rows[i].value ? rows[i].value : "");
        printf("  %-28s %s\n", left, rows[i].help);
    }
    puts("\nMOUNTPOINT/README tells how to use it; fusermount3 -u MOUNTPOINT ends it.");
}

/* With an absolute path, as the daemon does not stay in this directory. */
static int take_environment(struct option_list *list, const char *text)
{
    size_t size = strcspn(text, "=");
    char *root = text[size] ? realpath(text + size + 1, NULL) : NULL, *item = NULL;
    int r = 0;
    if (!text[size])
        r = -EINVAL;
    else if (!root)
        r = -errno;
    else if (list->n == OPTION_LIST_MAX)
        r = -E2BIG;
    else if (asprintf(&item, "%.*s=%s", (int)size, text, root) < 0)
        r = -ENOMEM;
    free(root);
    if (r < 0)
        fprintf(stderr, "studentfs: --environment %s: %s\n", text,
                r == -EINVAL ? "not NAME=ROOTFS" : strerror(-r));
    else
        list->items[list->n++] = item;
    return r;
}

/* Milliseconds, from seconds that may have a fraction; never 0, which is the default. */
static int take_timeout(uint32_t *member, const char *text)
{
    uint64_t usec;
    int r = number_parse_seconds(text, TIMEOUT_MAX_S * NUMBER_USEC_PER_S, &usec);
    if (r == 0 && usec == 0)
        r = -ERANGE;
    if (r == 0)
        *member = (uint32_t)((usec + 999) / 1000);
    return r;
}

static int take_transport(enum studentrun_transport *member, const char *text)
{
    static const char *const names[] = {[STUDENTRUN_TRANSPORT_AUTO] = "auto",
                                        [STUDENTRUN_TRANSPORT_FD] = "fd",
                                        [STUDENTRUN_TRANSPORT_MESSAGE] = "message"};
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i]) != 0)
            continue;
        *member = (enum studentrun_transport)i;
        return 0;
    }
    fprintf(stderr, "studentfs: --transport %s: not auto, fd or message\n", text);
    return -EINVAL;
}

static int take_mount_options(char *list, struct options *options);

static int take(const struct option_row *row, char *text, struct options *options)
{
    void *member = (char *)options + row->offset;
    uint64_t number;
    int r = 0;
    switch (row->kind) {
    case OPTION_FLAG:
    case OPTION_AGENT_FLAG:
        *(bool *)member = true;
        break;
    case OPTION_NUMBER:
        r = number_parse(text, 1, row->max, member);
        break;
    case OPTION_TIMEOUT:
        r = take_timeout(member, text);
        break;
    case OPTION_TRANSPORT:
        return take_transport(member, text);
    case OPTION_AGENT_TEXT: /* the agent says what is wrong with it */
        *(const char **)member = text;
        break;
    case OPTION_AGENT:
        /* Its range is the agent's business, that it is a number is ours. */
        r = number_parse(text, 0, UINT32_MAX, &number);
        *(const char **)member = text;
        break;
    case OPTION_ENVIRONMENT:
        return take_environment(member, text);
    case OPTION_MOUNT:
        return take_mount_options(text, options);
    case OPTION_TEXT:
        *(const char **)member = text;
        break;
    case OPTION_DOCTOR:
        return doctor_examine(options->agent) ? OPTIONS_ANSWERED : OPTIONS_ANSWERED_BADLY;
    case OPTION_HELP:
        print_help();
        return OPTIONS_ANSWERED;
    case OPTION_VERSION:
        puts("studentfs " STUDENTFS_VERSION);
        return OPTIONS_ANSWERED;
    }
    if (r < 0)
        fprintf(stderr, "studentfs: --%s %s: %s\n", row->name, text,
                r == -ERANGE ? "out of range" : "not a number");
    return r;
}

/* The row of `name=value`: as mount(8) has it, in fstab(5), with '_' where ours have '-'. */
static const struct option_row *row_of_item(const char *item)
{
    size_t size = strcspn(item, "=");
    for (size_t i = 0; i < ROWS && item[size]; i++) {
        size_t n = 0;
        while (n < size && rows[i].name[n] == (item[n] == '_' ? '-' : item[n]))
            n++;
        if (n == size && !rows[i].name[n] && rows[i].value && rows[i].kind != OPTION_MOUNT)
            return &rows[i];
    }
    return NULL;
}

static int add_mount_option(char **list, const char *item)
{
    char *longer;
    if (asprintf(&longer, "%s%s%s", *list ? *list : "", *list ? "," : "", item) < 0)
        return -ENOMEM;
    free(*list);
    *list = longer;
    return 0;
}

/* The end of the item that the list begins with: a comma after a backslash is part of it. */
static char *end_of_item(char *list)
{
    while (*list && *list != ',')
        list += *list == '\\' && list[1] ? 2 : 1;
    return list;
}

static void remove_backslashes(char *text)
{
    char *to = text;
    for (; *text; *to++ = *text++)
        if (*text == '\\' && text[1])
            text++;
    *to = 0;
}

/* Ours, by their long names, or the mount's. */
static int take_mount_options(char *list, struct options *options)
{
    int r = 0;
    while (r == 0 && *list) {
        char *end = end_of_item(list), *item = list;
        list = *end ? end + 1 : end;
        *end = 0;
        const struct option_row *row = row_of_item(item);
        if (row) {
            char *value = strchr(item, '=') + 1;
            remove_backslashes(value);
            r = take(row, value, options);
        } else if (*item) {
            r = add_mount_option(&options->mount_options, item);
        }
    }
    return r;
}

/* getopt's tables, from ours. */
static void make_getopt_tables(struct option *longs, char *letters)
{
    for (size_t i = 0; i < ROWS; i++) {
        int argument = rows[i].value ? required_argument : no_argument;
        longs[i] = (struct option){rows[i].name, argument, NULL, (int)i + 256};
        if (!rows[i].letter)
            continue;
        *letters++ = rows[i].letter;
        if (rows[i].value)
            *letters++ = ':';
    }
    longs[ROWS] = (struct option){0};
    *letters = 0;
}

static const struct option_row *row_of(int found)
{
    if (found >= 256)
        return &rows[found - 256];
    for (size_t i = 0; i < ROWS; i++)
        if (rows[i].letter == found)
            return &rows[i];
    return NULL;
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
    struct option longs[ROWS + 1];
    char letters[2 * ROWS + 1];
    int found;
    make_getopt_tables(longs, letters);
    while ((found = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
        const struct option_row *row = row_of(found);
        int r = row ? take(row, optarg, &options) : -EINVAL;
        if (!row) /* getopt has said what is wrong */
            fputs("see studentfs --help\n", stderr);
        if (r != 0) {
            free_lists(&options);
            return r;
        }
    }
    int r = take_places(argv + optind, argc - optind, &options);
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
        const struct option_list *list = rows[i].kind == OPTION_ENVIRONMENT ? member : NULL;
        bool is_shared = rows[i].kind == OPTION_AGENT || rows[i].kind == OPTION_AGENT_TEXT;
        const char *const *value = is_shared ? member : NULL;
        unsigned values = list ? list->n : value && *value;
        snprintf(names[i], sizeof(names[i]), "--%s", rows[i].name);
        if (rows[i].kind == OPTION_AGENT_FLAG && *(const bool *)member && n < max)
            arguments[n++] = names[i];
        for (unsigned j = 0; j < values && n + 2 <= max; j++) {
            arguments[n++] = names[i];
            arguments[n++] = list ? list->items[j] : *value;
        }
    }
    return n;
}
