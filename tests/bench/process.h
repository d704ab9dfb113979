/* Time, processes and the rivals that are processes. What fails here ends the program. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

double now(void); /* seconds, monotonic */
_Noreturn void die(const char *what);

/* Starts the program with these as its standard input and output (-1: ours), all else closed. */
pid_t process_start(const char *const *words, int in, int out);
/* Waits for it; it must have ended well. */
void process_finish(pid_t pid);
/* Both, with nothing in and nothing out; the seconds that it took. */
double process_time(const char *const *words);

/* So many of them at the same time, until the last has ended. */
double process_time_of_many(const char *const *words, long n);

/* The namespaces and mounts of the agent's sandboxes, without cgroups, filter or init; the
 * command's words, NULL last, are appended. The answer is static. */
const char *const *bwrap_words(const char *const *command);

extern const char *const true_words[];
extern int null_fd; /* /dev/null, for reading and writing */
