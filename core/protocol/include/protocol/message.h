/*
 * The messages of the protocol: msgpack maps with string keys, one of them `type`.
 *
 * One table per message (message.c) gives its keys in the order in which they are sent.
 * Receiving takes the keys in any order, ignores unknown ones, takes any integer width,
 * and str where bin is meant and the other way round. Texts of a decoded message point
 * into the bytes that it was decoded from.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A text or bytes, borrowed, not terminated. data NULL is nil. */
struct text {
    const char *data;
    size_t size;
};

struct text text_of(const char *string); /* NULL: nil */
bool text_equals(struct text text, const char *string);

enum message_type {
    /* client to router */
    MESSAGE_RUN_STUDENT,
    MESSAGE_DUMMY,
    /* router to client */
    MESSAGE_RUN_STUDENT_STARTED,
    MESSAGE_RUN_STUDENT_RETVAL,
    /* client to init */
    MESSAGE_RUN_STUDENT_COMMAND,
    /* agent to init and back: ours alone, on a socket pair that nobody else sees */
    MESSAGE_INIT_READY,
    MESSAGE_INIT_ASSIGN,
    MESSAGE_INIT_RUNNING,
    MESSAGE_INIT_ENDED,
    MESSAGE_TYPE_COUNT
};

/* What an agent knows of the extensions (`features` of run_student_started). */
enum feature {
    FEATURE_FD = 1 << 0,         /* "fd": descriptors over the Unix socket work */
    FEATURE_REASON = 1 << 1,     /* "reason" */
    FEATURE_USAGE = 1 << 2,      /* "usage" */
    FEATURE_TERMINATION = 1 << 3 /* "termination" */
};

struct message_run_student {
    struct text environment; /* nil: the default */
    int64_t time_limit;      /* CPU seconds; 0: the default */
    int64_t hard_time_limit; /* wall-clock seconds; 0: the default */
    int64_t memory_limit;    /* MiB; 0: the default */
    bool share_network;
    struct text socket_id; /* no '/' (message_decode refuses it) */
    bool ssh;
    bool run_as_root;
    bool receives_freely; /* extension: no pacing by dummies is needed */
};

struct message_run_student_started {
    struct text container_id;
    unsigned features; /* extension: of enum feature */
};

struct usage {
    int64_t cpu_usec, wall_usec, memory_peak; /* memory in bytes */
};

struct message_run_student_retval {
    int64_t retval;
    struct text reason;      /* extension: one line for a person, or nil */
    struct usage usage;      /* extension: left out where all are 0 */
    int64_t signal;          /* extension: what killed the command; 0: nothing did */
    struct text termination; /* extension: enum termination's name, or nil */
};

struct message_run_student_command {
    struct text student_container_id;
    struct text command; /* nil: none */
    struct text teardown_script;
    struct text working_dir;
    bool ssh;
    struct text user; /* "worker" or "root" */
};

struct message_init_assign {
    int64_t open_files;  /* RLIMIT_NOFILE */
    int64_t processes;   /* RLIMIT_NPROC; 0: a cgroup counts them */
    int64_t file_size;   /* RLIMIT_FSIZE, bytes; 0: none */
    int64_t cpu_seconds; /* RLIMIT_CPU of each process; 0: a cgroup counts it */
    int64_t memory;      /* RLIMIT_DATA of each process, bytes; 0: a cgroup counts it */
    int64_t handover_ms; /* how long the client may take for the hand-over */
};

struct message_init_ended {
    int64_t retval;
    int64_t signal;
    struct text reason;
    struct text termination;
    bool teardown; /* a teardown script follows; init's end tells its end */
};

struct message {
    enum message_type type;
    union {
        struct message_run_student run_student;
        struct message_run_student_started run_student_started;
        struct message_run_student_retval run_student_retval;
        struct message_run_student_command run_student_command;
        struct message_init_assign init_assign;
        struct message_init_ended init_ended;
    };
};

/* How a run came to its end; names as `status` shows them. What the student cannot forge. */
enum termination {
    TERMINATION_EXITED,      /* exited */
    TERMINATION_SIGNAL,      /* signal */
    TERMINATION_CPU_TIME,    /* cpu_time */
    TERMINATION_WALL_TIME,   /* wall_time */
    TERMINATION_MEMORY,      /* memory */
    TERMINATION_REMOVED,     /* removed */
    TERMINATION_UNAVAILABLE, /* unavailable */
    TERMINATION_FAILED,      /* failed */
    TERMINATION_COUNT
};
const char *termination_name(enum termination termination);
/* TERMINATION_COUNT where the text is none of them. */
enum termination termination_of(struct text name);

/* Return values of the protocol's section 8. */
enum {
    RETVAL_UNAVAILABLE = 251,
    RETVAL_MEMORY = 252,
    RETVAL_TIME = 253,
    RETVAL_FAILED = 254,
    RETVAL_SIGNAL = 128 /* plus the signal */
};

/* The longest message of ours: a command as long as the kernel executes (2 MiB of arguments),
 * twice. */
#define MESSAGE_MAX (8u << 20)

/* The message's bytes, the caller's to free(). -ENOMEM. */
int message_encode(const struct message *message, char **ret_data, size_t *ret_size);

/*
 * The message in size bytes, all of them. -EBADMSG: not one whole msgpack map;
 * -EPROTO: no type, a key is missing or has a wrong kind of value; -ENOMSG: an unknown
 * type. ret_message is written only on success, but for its `type` nothing is kept on failure.
 */
int message_decode(const void *data, size_t size, struct message *ret_message);
