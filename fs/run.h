/*
 * A run: one directory of the mount, one student's program, used once.
 *
 *   new --cmd--> starting --handed over--> running --return value--> ended
 *
 * It may end from any state: what cannot start ends with a reason. It is removed from the
 * tree by rmdir, and freed when the last handle that is open on it has been closed; what
 * is removed while it goes on is given up, which kills it.
 */
#pragma once

#include "base/loop.h"
#include "input.h"
#include "recording.h"
#include "settings.h"
#include "studentrun.h"
#include "transcript.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

enum run_state { RUN_NEW, RUN_STARTING, RUN_RUNNING, RUN_ENDED, RUN_STATES };

struct run;

/* What all runs need; lives as long as the daemon. */
struct run_context {
    struct loop *loop;
    struct chunk_pool *pool;
    struct studentrun_engine *engine;
    const char *task_dir;                                /* absolute, no links in it */
    void (*changed)(void *owner, const struct run *run); /* its state has */
    void (*freed)(void *owner, struct run *run);         /* the last reference is going */
    void *owner;
    /* It has ended, and nobody was told yet: what is kept of its attributes is to go. */
    void (*settled)(void *keeper, const struct run *run);
    void *keeper;
};

enum { RUN_STDOUT, RUN_STDERR, RUN_STREAMS, RUN_TRANSCRIPT = RUN_STREAMS, RUN_RECORDINGS };

struct run_result {
    int retval, signal;
    char *reason;                   /* or NULL */
    const char *termination;        /* a string of this program's */
    uint64_t cpu_usec, memory_peak; /* 0: nothing counted it */
};

struct run {
    const struct run_context *context;
    uint64_t serial; /* never used again; its inode numbers come from it */
    char *name;
    unsigned references;
    bool removed;
    uint32_t unlinked; /* the files removed, by their index in the table of files */
    uint64_t kept;     /* what the kernel may know the attributes of; see inode.h */

    uid_t uid;
    gid_t gid;
    mode_t mode;                   /* of the directory; the files' follow from it */
    struct timespec made, changed; /* changed: since when it is in its state */

    enum run_state state;
    struct settings settings;
    char *command, *working_dir, *container_id;
    char *enforced;  /* which limits hold, as the agent said; or NULL */
    bool incomplete; /* part of a command was written, and the rest is awaited */
    struct recording recordings[RUN_RECORDINGS];
    struct transcript transcript;
    struct input input;
    struct run *peer;          /* a reference, until one of the two ends; or NULL */
    char *peer_name;           /* stays */
    struct studentrun *client; /* while starting and running */
    char *ssh_login;           /* the text of that file, once the session is up */
    uint64_t running_ns, wall_usec;
    struct run_result result;

    struct list handles;     /* of struct handle */
    struct list waiting_end; /* parked reads of retval */
    struct list waiting_ssh; /* parked reads of ssh_login */
};

/* One reference, the caller's. The name and the settings are copied. */
int run_new(const struct run_context *context, const char *name, const struct settings *settings,
            struct run **ret_run);
struct run *run_ref(struct run *run);
void run_unref(struct run *run);

/*
 * Starts it; writer is the process whose working directory is meant. -EBUSY: it did
 * already; -EINVAL, -EILSEQ, -E2BIG: no such command; -ENOMEM: nothing has changed. Where it could
 * not be started for another reason it has ended, with that reason.
 */
int run_start(struct run *run, const char *command, size_t size, pid_t writer);
/* Ends a run that could not start. */
void run_fail(struct run *run, const char *reason);
/* As input_write(). */
ssize_t run_write_input(struct run *run, const char *data, size_t size);
/* -EINVAL: no signal; -ESRCH: it is not going on; -EAGAIN: too many at once. */
int run_signal(struct run *run, int signal);
/* Kills what goes on; for the handles that are still open it ends as `removed`. */
void run_remove(struct run *run);

bool run_is_going_on(const struct run *run);
/* Whether the command waits for input; false where that cannot be known. */
bool run_waits_for_input(const struct run *run);
/* Wall-clock time of the command so far, or in all. */
uint64_t run_wall_usec(const struct run *run);
