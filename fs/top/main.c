/* studentfs-top(1): the runs of a mount, live on a terminal, once elsewhere. */
#include "screen.h"

#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A name of 255 bytes and a command of at most 1 MiB, for each of a million runs: never so much. */
#define RUNS_SIZE_MAX (256 << 20)

static char *read_all(const char *path, int *ret_error)
{
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t size = 0;
    FILE *out = file ? open_memstream(&text, &size) : NULL;
    char block[65536];
    bool bad = !out;
    for (size_t n; !bad && (n = fread(block, 1, sizeof(block), file)) > 0;)
        bad = fwrite(block, 1, n, out) != n || ftello(out) > RUNS_SIZE_MAX;
    *ret_error = -errno;
    if (out)
        bad = fclose(out) != 0 || ferror(file) || bad;
    if (file)
        fclose(file);
    if (!bad)
        return text;
    free(text);
    return NULL;
}

int top_read(const struct top *top, struct table *ret_table)
{
    char *path, *text;
    int r = 0;
    if (asprintf(&path, "%s/runs", top->mountpoint) < 0)
        return -ENOMEM;
    text = read_all(path, &r);
    free(path);
    if (!text)
        return r < 0 ? r : -EIO;
    r = table_take(ret_table, text);
    if (r < 0)
        return r;
    table_keep(ret_table, top->names, top->n_names);
    table_sort(ret_table, top->column, top->reversed);
    return 0;
}

static int print_once(const struct top *top)
{
    struct table table;
    int r = top_read(top, &table);
    if (r < 0)
        return r;
    printf("%-18s %-8s %6s %9s %9s %9s %s\n", "NAME", "STATE", "RETVAL", "CPU", "WALL", "MEMORY",
           "COMMAND");
    for (size_t i = 0; i < table.n_rows; i++) {
        const char *const *fields = table.rows[i].fields;
        printf("%-18s %-8s %6s %9s %9s %9s %s\n", fields[COLUMN_NAME], fields[COLUMN_STATE],
               fields[COLUMN_RETVAL], fields[COLUMN_CPU], fields[COLUMN_WALL],
               fields[COLUMN_MEMORY], fields[COLUMN_COMMAND]);
    }
    table_deinit(&table);
    return fflush(stdout) == 0 ? 0 : -errno;
}

/* --- the command line --- */

static const char help[] =
    "Usage: studentfs-top [OPTION]... [MOUNTPOINT [RUN]...]\n"
    "Shows the runs of a mounted studentfs: live on a terminal, once elsewhere.\n\n"
    "  -d, --delay S               seconds between two looks (default: 1)\n"
    "  -s, --sort COLUMN           name, state, retval, cpu, wall, memory or command\n"
    "  -r, --reverse               the other way round\n"
    "  -1, --once                  print the runs once, also on a terminal\n"
    "  -h, --help                  this text\n"
    "  -V, --version               the version\n\n"
    "MOUNTPOINT: the working directory, or the only mount that there is.";

static int complain(const char *what, const char *about)
{
    fprintf(stderr, "studentfs-top: %s: %s; see studentfs-top --help\n", about, what);
    return -EINVAL;
}

/* The only studentfs that is mounted; NULL: none, or several. */
static char *find_mount(void)
{
    FILE *mounts = fopen("/proc/self/mounts", "re");
    char *found = NULL, *line = NULL;
    size_t size = 0, n = 0;
    while (mounts && getline(&line, &size, mounts) >= 0) {
        char *point = NULL;
        if (!strstr(line, " fuse.studentfs ") || sscanf(line, "%*s %ms", &point) != 1)
            continue;
        free(found);
        found = point;
        n++;
    }
    if (mounts)
        fclose(mounts);
    free(line);
    if (n == 1)
        return found;
    free(found);
    return NULL;
}

static bool is_mount(const char *path)
{
    char *runs;
    if (asprintf(&runs, "%s/runs", path) < 0)
        return false;
    bool there = access(runs, R_OK) == 0;
    free(runs);
    return there;
}

static int choose_mount(struct top *top, char **arguments, int n)
{
    if (n > 0)
        top->mountpoint = arguments[0];
    else if (is_mount("."))
        top->mountpoint = ".";
    else if (!(top->mountpoint = find_mount()))
        return complain("give the mount point: there is none mounted here, or there are several",
                        "MOUNTPOINT");
    top->names = arguments + 1;
    top->n_names = n > 1 ? (size_t)n - 1 : 0;
    return 0;
}

static int parse_delay(const char *text, unsigned *ret_ms)
{
    char *end;
    double seconds = strtod(text, &end);
    if (end == text || *end || !(seconds >= 0.05 && seconds <= 3600))
        return complain("from 0.05 to 3600 seconds", text);
    *ret_ms = (unsigned)(seconds * 1000);
    return 0;
}

/* 1: there is nothing more to do. */
static int parse(int argc, char **argv, struct top *top, bool *ret_once)
{
    static const struct option longs[] = {{"delay", required_argument, NULL, 'd'},
                                          {"sort", required_argument, NULL, 's'},
                                          {"reverse", no_argument, NULL, 'r'},
                                          {"once", no_argument, NULL, '1'},
                                          {"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, 'V'},
                                          {NULL, 0, NULL, 0}};
    for (int found; (found = getopt_long(argc, argv, "d:s:r1hV", longs, NULL)) != -1;) {
        switch (found) {
        case 'd':
            if (parse_delay(optarg, &top->delay_ms) < 0)
                return -EINVAL;
            break;
        case 's':
            top->column = column_of_name(optarg);
            if (top->column == COLUMN_NONE)
                return complain("no column of that name", optarg);
            break;
        case 'r':
            top->reversed = true;
            break;
        case '1':
            *ret_once = true;
            break;
        case 'h':
            puts(help);
            return 1;
        case 'V':
            puts("studentfs-top " STUDENTFS_VERSION);
            return 1;
        default: /* getopt has said what is wrong */
            fputs("see studentfs-top --help\n", stderr);
            return -EINVAL;
        }
    }
    return choose_mount(top, argv + optind, argc - optind);
}

int main(int argc, char **argv)
{
    struct top top = {.column = COLUMN_NONE, .delay_ms = 1000};
    bool once = false;
    setlocale(LC_CTYPE, "");
    int r = parse(argc, argv, &top, &once);
    if (r != 0)
        return r > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    once = once || !isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO);
    r = once ? print_once(&top) : screen_run(&top);
    if (r < 0)
        fprintf(stderr, "studentfs-top: %s: %s%s\n", top.mountpoint, strerror(-r),
                r == -ENOENT || r == -ENOTDIR ? "; is a studentfs mounted there?" : "");
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
