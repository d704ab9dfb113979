/*
 * What makes a sandbox of a kind: bwrap's words, what bwrap is given to read, and which user
 * bwrap is.
 *
 * Three ways to keep the student from what is outside:
 *
 *   agent is root, student is worker   no user namespace; init becomes uid 4242
 *   agent is root, student is root     bwrap itself is uid 4242, in a user namespace: what is
 *                                      0 inside is 4242 outside. What that user may not get to
 *                                      is bound for it where it may
 *   agent is an ordinary user          a user namespace; 4242 or 0 inside is that user
 */
#pragma once

#include "kind.h"
#include "spawner.h"

#include <stdint.h>

struct maker {
    const char *init;           /* student-init's path */
    const char *student;        /* the path that is to be /task/student, where it is a directory */
    const char *system_files;   /* that is to be /task/systemfiles, likewise */
    bool is_root;               /* the agent */
    bool has_machine_root;      /* its spawner */
    uint64_t tmp_size;          /* bytes of /tmp, and of /dev/shm */
    int data[SPAWN_DATA_COUNT]; /* the system files: of a task that has none */
};
#define MAKER_NO_DATA                                                                              \
    {                                                                                              \
        -1, -1, -1, -1, -1                                                                         \
    }

/* The texts are borrowed. */
int maker_init(struct maker *maker, const char *init, const char *student, const char *system_files,
               uint64_t tmp_size, bool has_machine_root);
void maker_deinit(struct maker *maker);

/* Whether the kind's sandboxes have a user namespace, in which RLIMIT_NPROC counts theirs alone. */
bool maker_has_user_namespace(const struct maker *maker, const struct sandbox_kind *kind);

/*
 * Fills in all but the channels and groups; give it to maker_release() in any case. On failure
 * ret_reason, of size bytes, tells why.
 */
int maker_prepare(const struct maker *maker, const struct sandbox_kind *kind, bool has_student,
                  struct spawn *ret_spawn, char *ret_reason, size_t size);
void maker_release(struct spawn *spawn);
