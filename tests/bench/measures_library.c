/* The commands and the library, with the mount's agent. */
#include "measures.h"
#include "process.h"
#include "studentrun.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* --- commands --- */

static const char *const *command_words(void)
{
    static char program[PATH_MAX];
    static const char *words[] = {program, "--sockets", by_fd.sockets, "--working-dir",
                                  "/task", "true",      NULL};
    snprintf(program, sizeof(program), "%.1000s/run_student", bin);
    return words;
}

double command_ours(long n)
{
    double t = now();
    for (long i = 0; i < n; i++)
        process_time(command_words());
    return now() - t;
}

double command_python(long n)
{
    static const char *const words[] = {"/usr/bin/python3", "-c", "pass", NULL};
    double t = now();
    for (long i = 0; i < n; i++)
        process_time(words);
    return now() - t;
}

double commands_ours(long n)
{
    return process_time_of_many(command_words(), n);
}

double commands_bwrap(long n)
{
    return process_time_of_many(bwrap_words(true_words), n);
}

/* --- the library, in this process --- */

static void check(int retval, const struct studentrun_result *result)
{
    if (retval == 0)
        return;
    fprintf(stderr, "bench: run_student gave %d: %s\n", retval,
            result && result->reason ? result->reason : "");
    exit(EXIT_FAILURE);
}

static const struct studentrun_call *here(void)
{
    static struct studentrun_call call;
    call.options.sockets_dir = by_fd.sockets;
    return &call;
}

double library_ours(long n)
{
    const struct studentrun_request request = {.command = "true", .working_dir = "/task"};
    double t = now();
    for (long i = 0; i < n; i++) {
        struct studentrun_output output;
        check(run_student_simple(&request, NULL, here(), &output), &output.result);
        studentrun_output_free(&output);
    }
    return now() - t;
}

/* A student's bytes into a pipe of the caller's own, which another process reads. */
double library_output(long n)
{
    static const char *const reader[] = {"cat", NULL};
    char command[64];
    int fds[2];
    snprintf(command, sizeof(command), "head -c %ld /dev/zero", n);
    const struct studentrun_request request = {.command = command, .working_dir = "/task"};
    struct studentrun_result result;
    double t = now();
    if (pipe2(fds, O_CLOEXEC) < 0)
        die("pipe");
    pid_t pid = process_start(reader, fds[0], null_fd);
    close(fds[0]);
    const int streams[] = {-1, fds[1], -1};
    check(run_student(&request, streams, here(), &result), &result);
    close(fds[1]);
    process_finish(pid);
    return now() - t;
}
