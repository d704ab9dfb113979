/* Whole runs, and their rivals. */
#include "measures.h"
#include "process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AT_A_TIME "50"

double true_ours(long n)
{
    double t = now();
    for (long i = 0; i < n; i++) {
        run_begin(&by_fd, "t", "true");
        run_end(&by_fd, "t");
    }
    return now() - t;
}

double true_bwrap(long n)
{
    double t = now();
    for (long i = 0; i < n; i++)
        process_time(bwrap_words(true_words));
    return now() - t;
}

double true_bare(long n)
{
    double t = now();
    for (long i = 0; i < n; i++)
        process_time(true_words);
    return now() - t;
}

/* --- from a script, which starts no program but cat --- */

double script_ours(long n)
{
    char script[PATH_MAX + 256], command[PATH_MAX + 64];
    snprintf(script, sizeof(script),
             "cd %s; for ((i = 0; i < %ld; i++)); do read -r run < new; echo true > $run/cmd; "
             "[ \"$(cat $run/retval)\" = 0 ] || exit 1; done",
             by_fd.point, n);
    const char *const words[] = {"bash", "-c", script, NULL};
    double t = process_time(words);
    snprintf(command, sizeof(command), "rmdir %s/r[0-9]*", by_fd.point);
    const char *const remove_words[] = {"sh", "-c", command, NULL};
    process_time(remove_words);
    return t;
}

double script_bwrap(long n)
{
    char *script;
    size_t size;
    FILE *out = open_memstream(&script, &size);
    if (!out)
        die("script");
    fprintf(out, "for ((i = 0; i < %ld; i++)); do", n);
    for (const char *const *word = bwrap_words(true_words); *word; word++)
        fprintf(out, " '%s'", *word);
    fprintf(out, " || exit 1; done");
    fclose(out);
    const char *const words[] = {"bash", "-c", script, NULL};
    double t = process_time(words);
    free(script);
    return t;
}

/* --- many at once --- */

static void crowd_begin(long i, const char *command)
{
    char name[24];
    snprintf(name, sizeof(name), "c%ld", i);
    run_begin(&by_fd, name, command);
}

static void crowd_end(long i)
{
    char name[24];
    snprintf(name, sizeof(name), "c%ld", i);
    run_end(&by_fd, name);
}

double crowd_ours(long n)
{
    double t = now();
    for (long i = 0; i < n; i++)
        crowd_begin(i, "true");
    for (long i = 0; i < n; i++)
        crowd_end(i);
    return now() - t;
}

double crowd_bwrap(long n)
{
    return process_time_of_many(bwrap_words(true_words), n);
}

/* The oldest is awaited before another begins: never more than so many at a time. */
double burn_ours(long n)
{
    long most = atol(AT_A_TIME);
    double t = now();
    for (long i = 0; i < n + most; i++) {
        if (i >= most)
            crowd_end(i - most);
        if (i < n)
            crowd_begin(i, "student/bench-work burn 10");
    }
    return now() - t;
}

double burn_bwrap(long n)
{
    static const char *const command[] = {"/task/student/bench-work", "burn", "10", NULL};
    static const char *const xargs[] = {"xargs", "-a", NULL, "-P", AT_A_TIME, "-I", "{}"};
    const char *words[160];
    char list[PATH_MAX];
    size_t k = sizeof(xargs) / sizeof(xargs[0]);
    snprintf(list, sizeof(list), "%s/list", scratch);
    FILE *file = fopen(list, "we");
    if (!file)
        die(list);
    for (long i = 0; i < n; i++)
        fprintf(file, "%ld\n", i);
    fclose(file);
    memcpy(words, xargs, sizeof(xargs));
    words[2] = list;
    for (const char *const *word = bwrap_words(command); *word; word++)
        words[k++] = *word;
    words[k] = NULL;
    double t = process_time(words);
    unlink(list);
    return t;
}
