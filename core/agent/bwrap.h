/*
 * The sandbox's shape, as an invocation of bubblewrap: what a student's program sees.
 *
 * Read-only: the machine's programs (/usr and its links), a minimal /etc; or, in an environment,
 * what its root file system has at the top; the task's system files. Read-write: the student's
 * directory at /task/student, and private, bounded /tmp and /dev/shm. Nothing else of the machine:
 * no homes, no /run, no /var. Its own process ids, IPC, host name and network.
 *
 * Which of its three ways keeps the student apart, and who bwrap is: see maker.h. A bwrap that
 * is run by root must not make a user namespace: it would keep uid 0 outside.
 */
#pragma once

#include "base/student.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STUDENT_UID "4242"
#define STUDENT_PASSWD                                                                             \
    "root:x:0:0:root:/task:/bin/sh\n"                                                              \
    "worker:x:" STUDENT_UID ":" STUDENT_UID ":student:/task:/bin/sh\n"
#define STUDENT_GROUP "root:x:0:\nworker:x:" STUDENT_UID ":\n"

struct bwrap_plan {
    const char *init; /* student-init's path */
    const char
        *student; /* bound at /task/student; NULL: a private directory that goes with the run */
    const char *system_files; /* bound at /task/systemfiles; NULL: there are none */
    const char *root;         /* an environment's root file system; NULL: the machine's programs */
    const char *root_inside;  /* where bwrap finds that; NULL: at the same path */
    bool machine_root;        /* the machine's programs are put together already: machine_root.h */
    bool share_network;
    bool user_namespace;
    bool run_as_root;  /* the student; only with a user namespace */
    uint64_t tmp_size; /* bytes of /tmp, and of /dev/shm */
};

/* The words, each terminated, in one block that is the caller's to free(). */
int bwrap_arguments(const struct bwrap_plan *plan, char **ret_words, size_t *ret_size);
