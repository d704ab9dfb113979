/*
 * One sandbox: bwrap, student-init in it, and its control group. It serves one run, ever.
 *
 *   SPAWNING ── pidfd ──▶ STARTING ── init is ready ──▶ READY ── assign ──▶ ASSIGNED ─▶ SETTLING ─▶
 * GONE
 *
 * It has ended when bwrap has, which waits for init, which the kernel lets go only after every
 * other process of the sandbox: nothing of it runs then. To kill it is to kill init. Every
 * step has a bound, after which it is killed.
 */
#pragma once

#include "base/list.h"
#include "base/loop.h"
#include "cgroup.h"
#include "kind.h"
#include "protocol/message.h"
#include "spawner.h"

#include <stdbool.h>
#include <sys/types.h>

#define SANDBOX_LOG_MAX 400 /* bytes of bwrap's complaints that are kept: a line or two */

enum sandbox_state {
    SANDBOX_SPAWNING,
    SANDBOX_STARTING,
    SANDBOX_READY,
    SANDBOX_ASSIGNED,
    SANDBOX_SETTLING, /* bwrap has ended, its group is about to be empty */
    SANDBOX_GONE
};

enum sandbox_event {
    SANDBOX_IS_READY,
    SANDBOX_SAID,      /* a message of init's, RUNNING or ENDED */
    SANDBOX_NO_MEMORY, /* v1: the kernel is about to kill one of its processes */
    SANDBOX_HAS_ENDED  /* it may be freed */
};

struct sandbox;
typedef void sandbox_fn(struct sandbox *sandbox, enum sandbox_event event,
                        const struct message *message);

struct sandbox {
    struct list link; /* its owner's */
    struct list all;  /* the pool's */
    struct loop *loop;
    enum sandbox_state state;
    sandbox_fn *fn;
    void *owner;
    struct sandbox_kind kind;
    uint64_t system_files; /* system_files_stamp() of what it has */
    dev_t student_dev;     /* what is bound at /task/student; 0: nothing */
    ino_t student_ino;
    struct cgroup cgroup;
    int control, log, maker, init, memory; /* maker, init: pidfds; memory: eventfd */
    pid_t init_pid;
    struct watch control_watch, maker_watch, memory_watch;
    struct timer bound;
    uint64_t cpu_base_ns; /* what its making took */
    unsigned n_looks;     /* at whether its group is empty */
    bool killed;          /* also before there was anything to kill */
    bool retired;         /* nobody waits for it any more */
    char words[SANDBOX_LOG_MAX + 1];
};

/*
 * Asks the spawner for one; sandbox_spawned() goes on. The group is taken on success. Of spawn,
 * which stays the caller's, the channels and the group's entries are filled in here.
 */
int sandbox_init(struct sandbox *sandbox, struct loop *loop, struct spawner *spawner,
                 struct cgroup *cgroup, struct spawn *spawn, sandbox_fn *fn);
void sandbox_spawned(struct sandbox *sandbox, int pidfd);
/* Only in SANDBOX_GONE. Its control group stays: it may be busy for a while. */
void sandbox_deinit(struct sandbox *sandbox);

/* When it is ready, and not on the way of a run: the limits that it will most likely have. From
 * then on what it uses is its run's. */
void sandbox_limit_ahead(struct sandbox *sandbox, const struct limits *limits);
/* Gives it a run: limits, and the connection to the client, which stays the caller's. */
int sandbox_assign(struct sandbox *sandbox, const struct limits *limits,
                   const struct message_init_assign *assign, int connection);
/*
 * Lets it go on to the teardown script, when the command has been measured. What the command has
 * left in memory (files, segments) is in the script's way no more: it has as much as that had.
 */
int sandbox_begin_teardown(struct sandbox *sandbox, const struct limits *limits);
/* A message to init, with a borrowed descriptor; -1: without. */
int sandbox_send(struct sandbox *sandbox, const struct message *message, int fd);
void sandbox_kill(struct sandbox *sandbox);
/* It is to end by itself within ns, else it is killed. */
void sandbox_expect_end(struct sandbox *sandbox, uint64_t ns);
/* What its maker had to say: one line, maybe empty. Reads what is there. */
const char *sandbox_last_words(struct sandbox *sandbox);
