/*
 * What studentfs costs, each figure beside its rivals in the same run of this program.
 *
 *   bench [--rounds N] [--only TEXT] [--curves] BIN_DIRECTORY
 *
 * It mounts studentfs itself, takes the median of N rounds (7 by default, at least 5) in which
 * ours and its rivals take turns, and prints a table with ratios and the goals set for them; with
 * --curves, how the figures grow, in lines for plot.py. It asserts nothing: machines differ,
 * ratios less so. Nothing is left behind.
 */
#include "measures.h"
#include "process.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS_MAX 99
#define RIVALS_MAX 2
#define GIB        (1l << 30)

struct mounted by_fd;
const char *bin;

enum unit { MILLISECONDS, MICROSECONDS, MEGABYTES_PER_SECOND, KIBIBYTES };

/* A figure and its scale, in what is measured of one unit's worth; and how it is to be read. */
static const struct {
    const char *name;
    double per; /* of a second's or a byte's inverse */
    bool is_rate, is_memory;
} units[] = {
    [MILLISECONDS] = {"ms", 1e3, false, false},
    [MICROSECONDS] = {"us", 1e6, false, false},
    [MEGABYTES_PER_SECOND] = {"MB/s", 1e-6, true, false},
    [KIBIBYTES] = {"KiB", 1.0 / 1024, false, true},
};

typedef double measure_fn(long n);

struct row {
    const char *name;
    enum unit unit;
    long n;
    double share; /* how much of what is named one measure holds; 0: one */
    measure_fn *ours;
    struct {
        const char *name;
        measure_fn *measure;
        const char *goal; /* of ours / rival */
    } rivals[RIVALS_MAX];
    const char *goal; /* where there is no rival */
};

static const struct row rows[] = {
    /* First: what a daemon has once had it keeps for a while, and it would look like nothing. */
    {"memory of the daemon per read that waits",
     KIBIBYTES,
     1000,
     0,
     memory_per_reader,
     {{NULL, NULL, NULL}},
     "<= 1"},
    {"and per idle run", KIBIBYTES, 10000, 0, memory_per_run, {{NULL, NULL, NULL}}, "<= 2"},
    {"a prepared sandbox (PSS)",
     KIBIBYTES,
     1,
     0,
     memory_of_sandbox,
     {{NULL, NULL, NULL}},
     "<= 2048"},
    {"a run of true, mkdir to rmdir",
     MILLISECONDS,
     1,
     1,
     true_ours,
     {{"bwrap alone", true_bwrap, "<= 0.5"}, {"fork, exec, wait", true_bare, "<= 4"}},
     NULL},
    {"the same from a bash script, two runs",
     MILLISECONDS,
     2,
     2,
     script_ours,
     {{"bwrap, from bash", script_bwrap, "<= 0.7"}},
     NULL},
    {"run_student true, the command",
     MILLISECONDS,
     1,
     1,
     command_ours,
     {{"python3 -c pass", command_python, "<= 0.4"}},
     NULL},
    {"run_student_simple(true), in process",
     MILLISECONDS,
     1,
     1,
     library_ours,
     {{"fork, exec, wait", true_bare, "<= 3"}},
     NULL},
    {"50 run_student at once",
     MILLISECONDS,
     50,
     0,
     commands_ours,
     {{"50 bwrap at once", commands_bwrap, "<= 1"}},
     NULL},
    {"run_student's stdout, 1 GiB into a pipe",
     MEGABYTES_PER_SECOND,
     GIB,
     (double)GIB,
     library_output,
     {{"bare pipe", output_head_pipe, ">= 0.95"}},
     NULL},
    {"stdout, 1 GiB by head -c, read by cat",
     MEGABYTES_PER_SECOND,
     GIB,
     (double)GIB,
     output_head_ours,
     {{"bare pipe", output_head_pipe, ">= 0.85"}},
     NULL},
    {"stdout, 1 GiB by the fastest writer, 1 MiB reads",
     MEGABYTES_PER_SECOND,
     GIB,
     (double)GIB,
     output_fast_ours,
     {{"bare pipe", output_fast_pipe, ">= 0.7"}},
     NULL},
    {"stdin, 1 GiB by cat into wc -c",
     MEGABYTES_PER_SECOND,
     GIB,
     (double)GIB,
     input_ours,
     {{"bare pipe", input_pipe, ">= 0.9"}},
     NULL},
    {"message mode, stdout, 1 GiB",
     MEGABYTES_PER_SECOND,
     GIB,
     (double)GIB,
     output_message,
     {{"fd mode", output_fd, ">= 0.4"}},
     NULL},
    {"message mode, stdin, 1 GiB",
     MEGABYTES_PER_SECOND,
     GIB,
     (double)GIB,
     input_message,
     {{"fd mode", input_fd, ">= 0.4"}},
     NULL},
    {"echo of a line, there and back",
     MICROSECONDS,
     100000,
     100000,
     echo_ours,
     {{"two bare pipes", echo_pipes, "<= 1.5"}},
     NULL},
    {"the same, all on one CPU",
     MICROSECONDS,
     100000,
     100000,
     echo_ours_pinned,
     {{"two bare pipes", echo_pipes_pinned, "<= 1.5"}},
     NULL},
    {"1,000 runs of 10 ms CPU, 50 at a time",
     MILLISECONDS,
     1000,
     0,
     burn_ours,
     {{"xargs -P 50 bwrap", burn_bwrap, "<= 0.7"}},
     NULL},
    {"200 runs of true at once",
     MILLISECONDS,
     200,
     0,
     crowd_ours,
     {{"200 bwrap", crowd_bwrap, ""}},
     NULL},
    {"8 readers of an ended 1 GiB recording",
     MEGABYTES_PER_SECOND,
     8,
     8.0 * (double)GIB,
     readers_ours,
     {{"cat of a tmpfs file", readers_tmpfs, ">= 0.7"}},
     NULL},
    {"stat among 10,000 runs and 1,000 waiting reads",
     MICROSECONDS,
     10000,
     0,
     crowd_stat,
     {{"beside one run", alone_stat, "<= 1.2"}},
     NULL},
    {"ls of 10,000 runs, 1,000 reads waiting",
     MICROSECONDS,
     10000,
     0,
     crowd_list,
     {{"ten times that of 1,000", tenth_list, "<= 1.2"}},
     NULL},
    {"a whole run among them",
     MILLISECONDS,
     10000,
     0,
     crowd_true,
     {{"beside one run", alone_true, "<= 1.2"}},
     NULL},
};

/* The same at many sizes. What has no rival is held against itself at size 1. */
static const struct curve {
    const char *name;
    enum unit unit;
    long most;
    bool is_each; /* of one of n */
    measure_fn *ours, *rival;
} curves[] = {
    {"runs one after the other", MILLISECONDS, 1000, true, true_ours, true_bwrap},
    {"runs at once", MILLISECONDS, 1000, true, crowd_ours, crowd_bwrap},
    {"stat among runs", MICROSECONDS, 10000, false, among_runs_stat, NULL},
    {"ls of runs", MICROSECONDS, 10000, false, among_runs_list, NULL},
    {"a whole run among runs", MILLISECONDS, 10000, false, among_runs_true, NULL},
    {"a whole run among waiting reads", MILLISECONDS, 1000, false, among_readers_true, NULL},
    {"readers of an ended recording of 64 MiB", MILLISECONDS, 1000, true, readers_of_part_ours,
     readers_of_part_tmpfs},
};

/* --- medians --- */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *values, int n)
{
    qsort(values, (size_t)n, sizeof(double), compare);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* Between two measures, for what the one leaves to be done behind its back (sandboxes prepared,
 * namespaces taken down) not to be paid by the other. */
#define SETTLE_US 300000

static double measure_one(measure_fn *fn, long n)
{
    if (!fn)
        return 0;
    usleep(SETTLE_US);
    return fn(n);
}

/* The medians of what takes turns; the first turn warms up. NULL among them: nothing. */
static void measure(measure_fn *const *fns, int n_fns, long n, int rounds, double *ret_medians)
{
    double values[1 + RIVALS_MAX][ROUNDS_MAX];
    for (int i = -1; i < rounds; i++) {
        for (int k = 0; k < n_fns; k++) {
            double value = measure_one(fns[k], n);
            if (i >= 0)
                values[k][i] = value;
        }
    }
    for (int k = 0; k < n_fns; k++)
        ret_medians[k] = median(values[k], rounds);
}

/* --- the table --- */

static double figure(const struct row *row, double value)
{
    double share = row->share > 0 ? row->share : 1;
    return units[row->unit].is_rate ? share / value * units[row->unit].per
                                    : value / share * units[row->unit].per;
}

static void print_row(const struct row *row, int rounds)
{
    measure_fn *fns[1 + RIVALS_MAX] = {row->ours, row->rivals[0].measure, row->rivals[1].measure};
    double medians[1 + RIVALS_MAX];
    if (row->rivals[0].measure)
        measure(fns, 1 + RIVALS_MAX, row->n, rounds, medians);
    else
        medians[0] = row->ours(row->n); /* memory: what was had before would be used again */
    double ours = figure(row, medians[0]);
    printf("%-50s %-18s %10.2f %-5s %s\n", row->name, "studentfs", ours, units[row->unit].name,
           row->goal ? row->goal : "");
    for (int i = 0; i < RIVALS_MAX; i++) {
        if (!row->rivals[i].measure)
            continue;
        double theirs = figure(row, medians[1 + i]);
        printf("%-50s %-18s %10.2f %-5s %6.2f x  (%s)\n", "", row->rivals[i].name, theirs,
               units[row->unit].name, ours / theirs, row->rivals[i].goal);
    }
    fflush(stdout);
}

/* --- the curves --- */

static void print_curve(const struct curve *curve, int rounds)
{
    for (long n = 1; n <= curve->most; n *= 10) {
        measure_fn *fns[] = {curve->ours, curve->rival};
        double medians[2];
        measure(fns, curve->rival ? 2 : 1, n, n >= 1000 ? 5 : rounds, medians);
        double scale = units[curve->unit].per / (curve->is_each ? (double)n : 1);
        printf("%s\t%s\t%ld\t%.4f", curve->name, units[curve->unit].name, n, medians[0] * scale);
        if (curve->rival)
            printf("\t%.4f", medians[1] * scale);
        printf("\n");
        fflush(stdout);
    }
}

static void start_mounts(void)
{
    static const char *const none[] = {NULL};
    scratch_make(bin);
    mounted_start(&by_fd, bin, "fd", none);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"rounds", required_argument, NULL, 'r'},
                                            {"only", required_argument, NULL, 'o'},
                                            {"curves", no_argument, NULL, 'c'},
                                            {0}};
    int rounds = 7;
    const char *only = "";
    bool is_curves = false, bad = false;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'r')
            rounds = atoi(optarg);
        only = c == 'o' ? optarg : only;
        is_curves = is_curves || c == 'c';
        bad = bad || c == '?';
    }
    if (bad || optind + 1 != argc || rounds < 5 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "usage: bench [--rounds 5..%d] [--only TEXT] [--curves] BIN_DIRECTORY\n",
                ROUNDS_MAX);
        return EXIT_FAILURE;
    }
    bin = argv[optind];
    null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    start_mounts();
    if (!is_curves)
        printf("medians of %d rounds; the goal in parentheses\n", rounds);
    for (size_t i = 0; !is_curves && i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strstr(rows[i].name, only))
            print_row(&rows[i], rounds);
    for (size_t i = 0; is_curves && i < sizeof(curves) / sizeof(curves[0]); i++)
        if (strstr(curves[i].name, only))
            print_curve(&curves[i], rounds);
    return EXIT_SUCCESS;
}
