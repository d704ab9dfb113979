/* A studentfs of the benchmark's own, and runs in it. What fails here ends the program. */
#pragma once

#include <limits.h>
#include <sys/types.h>

struct mounted {
    char point[PATH_MAX];   /* the mount point */
    char sockets[PATH_MAX]; /* of its agent: where main.sock is */
    pid_t daemon, agent;
};

/* Where all of it lies. */
extern char scratch[64];
/*
 * Makes that, with task/student in it and the program `work` there, and goes on in a child: this
 * process waits for it, ends it when it is told to end, and removes all that was mounted and made.
 */
void scratch_make(const char *bin);

/* options: NULL last. The mount is ready when it returns. */
void mounted_start(struct mounted *mounted, const char *bin, const char *name,
                   const char *const *options);

void run_make(const struct mounted *mounted, const char *run);
void run_put(const struct mounted *mounted, const char *run, const char *file, const char *text);
int run_open(const struct mounted *mounted, const char *run, const char *file, int flags);
/* Makes it and writes its command. */
void run_begin(const struct mounted *mounted, const char *run, const char *command);
/* Waits for its return value, which must be 0, and removes it. */
void run_end(const struct mounted *mounted, const char *run);
void run_remove(const struct mounted *mounted, const char *run);
