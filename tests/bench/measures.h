/*
 * What is measured. Each takes a size n, whatever that means there (runs, readers, bytes), and
 * returns seconds; those of memory bytes.
 */
#pragma once

#include "mounted.h"

/* Set by the program: the mount, and where the programs are. */
extern struct mounted by_fd;
extern const char *bin;

/* whole runs */
double true_ours(long n), true_bwrap(long n), true_bare(long n);
double script_ours(long n), script_bwrap(long n);
double crowd_ours(long n), crowd_bwrap(long n);
double burn_ours(long n), burn_bwrap(long n);

/* commands and library */
double command_ours(long n), command_python(long n);
double commands_ours(long n), commands_bwrap(long n);
double library_ours(long n);
double library_output(long n);

/* streams */
double output_head_ours(long n), output_head_pipe(long n);
double output_fast_ours(long n), output_fast_pipe(long n);
double input_ours(long n), input_pipe(long n);
double output_message(long n), output_fd(long n), input_message(long n), input_fd(long n);
double echo_ours(long n), echo_pipes(long n);
double echo_ours_pinned(long n), echo_pipes_pinned(long n);
double readers_ours(long n), readers_tmpfs(long n);
double readers_of_part_ours(long n), readers_of_part_tmpfs(long n);

/* with many runs about; n of them, or of reads that wait */
double among_runs_stat(long n), among_runs_list(long n), among_runs_true(long n);
double among_readers_true(long n);
/* n runs and a tenth as many reads that wait; and beside that one run, or a tenth of the runs */
double crowd_stat(long n), crowd_list(long n), crowd_true(long n);
double alone_stat(long n), tenth_list(long n), alone_true(long n);
double memory_per_run(long n), memory_per_reader(long n), memory_of_sandbox(long n);
