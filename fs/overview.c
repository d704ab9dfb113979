/* All runs at a glance: for people, and for Prometheus. */
#include "overview.h"

#include "base/escape.h"
#include "handle.h"
#include "status.h"
#include "studentfs.h"
#include "viewer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

typedef void print_fn(const struct studentfs *fs, fuse_req_t request, FILE *out);

static int read_overview(struct handle *handle, fuse_req_t request, size_t size, off_t offset,
                         print_fn *print)
{
    if (!handle->text) {
        FILE *out = open_memstream(&handle->text, &handle->text_size);
        if (!out)
            return -ENOMEM;
        print(fuse_req_userdata(request), request, out);
        if (fclose(out) != 0) {
            free(handle->text);
            handle->text = NULL;
            return -ENOMEM;
        }
    }
    handle_reply_text(handle, request, size, offset);
    return 0;
}

/* --- runs --- */

#define ROW        "%-8s %6s %9s %9s %9s "
#define NAME_WIDTH 15

/* Escaped, as anybody names a run as he likes: a line stays a line. */
static void put_name(const char *name, FILE *out)
{
    off_t before = ftello(out);
    put_escaped(out, name);
    off_t width = ftello(out) - before;
    fprintf(out, "%*s ", width < NAME_WIDTH ? (int)(NAME_WIDTH - width) : 0, "");
}

static void print_run(const struct run *run, FILE *out)
{
    char retval[8] = "-", cpu[24] = "-", wall[24] = "-", memory[24] = "-";
    if (run->state == RUN_ENDED)
        snprintf(retval, sizeof(retval), "%d", run->result.retval);
    if (run->state >= RUN_RUNNING)
        snprintf(wall, sizeof(wall), "%.3f", (double)run_wall_usec(run) / 1e6);
    if (run->result.cpu_usec > 0)
        snprintf(cpu, sizeof(cpu), "%.3f", (double)run->result.cpu_usec / 1e6);
    if (run->result.memory_peak > 0)
        snprintf(memory, sizeof(memory), "%.1fM", (double)run->result.memory_peak / (1 << 20));
    put_name(run->name, out);
    fprintf(out, ROW, run_state_name(run->state), retval, cpu, wall, memory);
    put_escaped(out, run->command ? run->command : "");
    fputc('\n', out);
}

static void print_runs(const struct studentfs *fs, fuse_req_t request, FILE *out)
{
    struct viewer viewer;
    viewer_of(request, &viewer);
    put_name("NAME", out);
    fprintf(out, ROW "COMMAND\n", "STATE", "RETVAL", "CPU", "WALL", "MEMORY");
    for (struct run *run = runs_next(&fs->runs, 0); run;
         run = runs_next(&fs->runs, run->serial + 1))
        if (viewer_may_see(&viewer, run->uid, run->gid, run->mode))
            print_run(run, out);
}

int overview_read_runs(struct handle *handle, fuse_req_t request, size_t size, off_t offset)
{
    return read_overview(handle, request, size, offset, print_runs);
}

/* --- metrics --- */

static void describe(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void print_states(const struct studentfs *fs, FILE *out)
{
    unsigned n[RUN_STATES] = {0};
    for (struct run *run = runs_next(&fs->runs, 0); run;
         run = runs_next(&fs->runs, run->serial + 1))
        n[run->state]++;
    describe(out, "studentfs_runs", "gauge", "Runs that there are, by state.");
    for (unsigned i = 0; i < RUN_STATES; i++)
        fprintf(out, "studentfs_runs{state=\"%s\"} %u\n", run_state_name((enum run_state)i), n[i]);
}

static void print_number(FILE *out, const char *name, const char *type, const char *help,
                         uint64_t number)
{
    describe(out, name, type, help);
    fprintf(out, "%s %" PRIu64 "\n", name, number);
}

/* https://prometheus.io/docs/instrumenting/exposition_formats/ */
static void print_metrics(const struct studentfs *fs, fuse_req_t request, FILE *out)
{
    const struct runs_totals *totals = &fs->runs.totals;
    (void)request;
    print_states(fs, out);
    print_number(out, "studentfs_runs_made_total", "counter", "Runs ever made.", totals->made);
    describe(out, "studentfs_runs_ended_total", "counter", "Runs that have ended, by termination.");
    for (unsigned i = 0; i < RUN_TERMINATIONS; i++)
        fprintf(out, "studentfs_runs_ended_total{termination=\"%s\"} %" PRIu64 "\n",
                run_terminations[i], totals->ended[i]);
    describe(out, "studentfs_cpu_seconds_total", "counter", "CPU time of runs that have ended.");
    fprintf(out, "studentfs_cpu_seconds_total %.6f\n", (double)totals->cpu_usec / 1e6);
    print_number(out, "studentfs_output_bytes_total", "counter",
                 "Output recorded of runs that have ended.", totals->output_bytes);
    print_number(out, "studentfs_recording_memory_bytes", "gauge",
                 "Memory of recordings, free chunks included.",
                 (uint64_t)fs->pool.n_memory * CHUNK_SIZE);
    print_number(out, "studentfs_waiting_requests", "gauge", "Reads and writes that wait.",
                 parked_count());
}

int overview_read_metrics(struct handle *handle, fuse_req_t request, size_t size, off_t offset)
{
    return read_overview(handle, request, size, offset, print_metrics);
}
