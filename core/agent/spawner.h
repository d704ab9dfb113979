/*
 * The spawner: a small process that starts the sandboxes.
 *
 * It is forked before the agent has threads or much memory: a fork of a large process takes
 * milliseconds, and the parent-death signal, by which sandboxes die with us, follows the
 * thread that forked. It dies with the agent (end of file on its socket), the sandboxes with it,
 * and what the parent-death signal does not reach it kills itself (makers.h).
 *
 * The agent asks over a SEQPACKET pair; answers come in the order of the questions.
 */
#pragma once

#include "base/loop.h"

#include <stdbool.h>
#include <sys/types.h>

#define SPAWN_ARGUMENTS_MAX 65536 /* bytes; ours take two thousand, an environment more */
#define SPAWN_CONTROL_FD    3     /* the init's control socket, in the sandbox */

/* What a sandbox's maker is given to read: opened anew for each, as it reads to the end. */
enum spawn_data {
    SPAWN_FILTER,
    SPAWN_PASSWD,
    SPAWN_GROUP,
    SPAWN_HOSTS,
    SPAWN_RESOLV,
    SPAWN_DATA_COUNT
};
/* The descriptor that the maker finds it on. */
#define SPAWN_DATA_FD(which) (SPAWN_CONTROL_FD + 1 + (int)(which))

/*
 * What a maker that is an ordinary user might not get to by its path is attached here for it,
 * in a mount namespace of its own. The place is one that is there everywhere, and that
 * bwrap has no use for.
 */
enum spawn_place { SPAWN_INIT, SPAWN_STUDENT, SPAWN_SYSTEM_FILES, SPAWN_ROOT, SPAWN_PLACE_COUNT };
#define SPAWN_PLACES             "/sys"
#define SPAWN_PLACE_INIT         SPAWN_PLACES "/init"
#define SPAWN_PLACE_STUDENT      SPAWN_PLACES "/student"
#define SPAWN_PLACE_SYSTEM_FILES SPAWN_PLACES "/systemfiles"
#define SPAWN_PLACE_ROOT         SPAWN_PLACES "/root"

struct spawner;
/* pidfd: of the process started, the callee's; or a negative errno. -ESRCH: the spawner is gone. */
typedef void spawner_fn(struct spawner *spawner, int pidfd);

struct spawner {
    struct watch watch;
    int socket;
    int pidfd;
    spawner_fn *fn;
};

/* Forks; call it first of all. Given student-init's path it puts the machine's programs together
 * for sandboxes (machine_root.h). */
int spawner_init(struct spawner *spawner, const char *init);
/* Whether it could; waits until it has. */
bool spawner_has_machine_root(struct spawner *spawner);
int spawner_watch(struct spawner *spawner, struct loop *loop, spawner_fn *fn);
/* Ends it, and with it every sandbox that is left. */
void spawner_deinit(struct spawner *spawner);

struct spawn {
    char *arguments; /* the program and its arguments, each terminated */
    size_t size;
    int control, log;   /* the program's descriptor 3, and its standard error */
    const int *entries; /* each is written "0" before the program is executed */
    size_t n_entries;
    int birthplace; /* directory of the v2 group that the program is born in; -1: none */
    int data[SPAWN_DATA_COUNT];
    bool has_system_files; /* two of them are this one's own */
    bool machine_root;     /* the program is to find it; of the data it is given the filter alone */
    uid_t uid; /* what the program is to be, user and group, with no other group; 0: as we are */
    int places[SPAWN_PLACE_COUNT]; /* only with a uid: mounts, detached; -1: none */
};
/* Borrows all descriptors. -EAGAIN: too many questions at once. */
int spawner_spawn(struct spawner *spawner, const struct spawn *spawn);
