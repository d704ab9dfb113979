/*
 * The messages of the protocol: msgpack maps with string keys, one of them `type`.
 *
 * One table per message (fields.c) gives its keys in the order in which they are sent.
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
    MESSAGE_STDOUT, /* message mode */
    MESSAGE_STDERR,
    MESSAGE_OK, /* the answer to ssh_student */
    /* client to router, message mode */
    MESSAGE_RUN_STUDENT_INIT,
    MESSAGE_STDIN,
    MESSAGE_STUDENT_SIGNAL,
    /* client to init */
    MESSAGE_RUN_STUDENT_COMMAND,
    /* init to client and client to router; message mode: router to client */
    MESSAGE_SSH_STUDENT,
    /* agent to init and back: ours alone, on a socket pair that nobody else sees */
    MESSAGE_INIT_READY,
    MESSAGE_INIT_ASSIGN,
    MESSAGE_INIT_RUNNING,
    MESSAGE_INIT_ENDED,
    MESSAGE_INIT_SSH,
    MESSAGE_INIT_VISITED,
    MESSAGE_INIT_TEARDOWN,
    MESSAGE_TYPE_COUNT
};

/* What an agent knows of the extensions (`features` of run_student_started). */
enum feature {
    FEATURE_FD = 1 << 0,          /* "fd": descriptors over the Unix socket work */
    FEATURE_REASON = 1 << 1,      /* "reason" */
    FEATURE_USAGE = 1 << 2,       /* "usage" */
    FEATURE_TERMINATION = 1 << 3, /* "termination" */
    FEATURE_MESSAGE = 1 << 4      /* "message": the extensions of the message mode */
};

/* What of a run is bounded, for all its processes together (`enforced` of run_student_started). */
enum limit_flag {
    LIMIT_CPU = 1 << 0,
    LIMIT_WALL = 1 << 1,
    LIMIT_MEMORY = 1 << 2,
    LIMIT_PROCESSES = 1 << 3,
    LIMITS_ALL = (1 << 4) - 1
};
/* The name of one of these. */
const char *limit_name(enum limit_flag limit);

/* The longest block of input or output (section 4): bytes. */
#define BLOCK_MAX 512000

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
    /* extension: the two exactly, where they are not whole seconds; else 0 */
    int64_t time_limit_usec, hard_time_limit_usec;
};

struct message_run_student_started {
    struct text container_id;
    unsigned features; /* extension: of enum feature */
    unsigned enforced; /* extension: of enum limit_flag; 0: not told */
    int64_t init_pid;  /* extension: the sandbox's process 1, by its number where the agent is */
    /* extension, of the message mode: the inode of the pipe that is the command's input */
    int64_t stdin_pipe;
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

/* run_student_command, and run_student_init of the message mode. */
struct message_run_student_command {
    struct text socket_id; /* of run_student_init only */
    struct text student_container_id;
    struct text command; /* nil: none */
    struct text teardown_script;
    struct text working_dir;
    bool ssh;
    struct text user;     /* "worker" or "root" */
    bool stdout_err_fuse; /* extension, of run_student_init: both are one stream, stdout */
};

/* Extensions of the message mode; an ordinary dummy has neither. */
struct message_dummy {
    struct text acknowledges; /* "stdout" or "stderr": a block of it has been consumed */
    bool closed;              /* nobody reads that stream, or the standard input, any more */
};

/* stdin, stdout and stderr of the message mode. */
struct message_block {
    struct text socket_id;            /* of stdout and stderr */
    struct text message;              /* at most BLOCK_MAX bytes */
    struct text student_container_id; /* of stdin */
    bool eof;                         /* extension: nothing follows */
};

struct message_student_signal {
    struct text student_container_id;
    struct text signal_data; /* three digits */
};

/* From init: user and password. To the router and from it: user, key (the password), container. */
struct message_ssh_student {
    struct text ssh_user;
    struct text password;
    struct text ssh_key;
    struct text container_id;
    struct text host; /* extension, from the router: as in ok */
    int64_t port;
};

struct message_ok {
    struct text host; /* extension: where the ssh session is reached, or nil */
    int64_t port;     /* extension: or 0 */
};

struct message_init_assign {
    int64_t open_files;  /* RLIMIT_NOFILE */
    int64_t processes;   /* RLIMIT_NPROC; 0: a cgroup counts them */
    int64_t file_size;   /* RLIMIT_FSIZE, bytes; 0: none */
    int64_t cpu_seconds; /* RLIMIT_CPU of each process; 0: a cgroup counts it */
    int64_t memory;      /* RLIMIT_DATA of each process, bytes; 0: a cgroup counts it */
    int64_t handover_ms; /* how long the client may take for the hand-over */
    bool run_as_root;    /* the sandbox was made for that: the student is its uid 0 */
    int64_t ssh_wait_ms; /* how long somebody may take to come; 0: no ssh in this run */
};

struct message_init_running {
    int64_t since; /* when the command was started: ns of CLOCK_MONOTONIC */
};

struct message_init_ended {
    int64_t retval;
    int64_t signal;
    struct text reason;
    struct text termination;
    bool teardown; /* a teardown script follows; init's end tells its end */
};

/*
 * init to agent: the command has ended, an ssh server is to let this user in. Agent to the
 * server: the same, with its two sockets. Agent to init: with the session's socket, or why not.
 */
struct message_init_ssh {
    struct text user, password;
    struct text reason;
    int64_t login_s; /* to the server: seconds from a connection to its login */
};

struct message {
    enum message_type type;
    union {
        struct message_run_student run_student;
        struct message_run_student_started run_student_started;
        struct message_run_student_retval run_student_retval;
        struct message_run_student_command run_student_command; /* and run_student_init */
        struct message_dummy dummy;
        struct message_block block; /* stdin, stdout, stderr */
        struct message_student_signal student_signal;
        struct message_ssh_student ssh_student;
        struct message_ok ok;
        struct message_init_assign init_assign;
        struct message_init_running init_running;
        struct message_init_ended init_ended;
        struct message_init_ssh init_ssh;
    };
};

/* How a run came to its end; names as `status` shows them. What the student cannot forge. */
enum termination {
    TERMINATION_EXITED,      /* exited */
    TERMINATION_SIGNAL,      /* signal */
    TERMINATION_CPU_TIME,    /* cpu_time */
    TERMINATION_WALL_TIME,   /* wall_time */
    TERMINATION_MEMORY,      /* memory */
    TERMINATION_DISK,        /* disk */
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
 * type; -ENOMEM. ret_message is written only on success.
 */
int message_decode(const void *data, size_t size, struct message *ret_message);
