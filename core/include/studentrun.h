/*
 * studentrun: runs a student's program through a router (see the protocol's manual), for
 * programs with an event loop of their own.
 *
 * An engine talks to one router; each run is independent of the others. Nothing here
 * waits, logs or exits: watch studentrun_engine_fd() for reading and call
 * studentrun_engine_dispatch() when it is readable; the callbacks come from there and
 * from nowhere else. Functions return 0 or a negative errno. Not thread-safe: one thread
 * per engine.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct studentrun_engine;
struct studentrun;

/* How a run's input and output travel: sections 1 and 8 of the protocol say what auto takes. */
enum studentrun_transport {
    STUDENTRUN_TRANSPORT_AUTO,
    STUDENTRUN_TRANSPORT_FD,      /* descriptors, handed to the container's init */
    STUDENTRUN_TRANSPORT_MESSAGE, /* blocks, by way of the router and the agent */
};

/* Times are milliseconds; 0 takes the default. */
struct studentrun_options {
    const char *sockets_dir; /* holds main.sock; "/sockets" in a grading container */
    enum studentrun_transport transport;
    uint32_t connect_timeout_ms;  /* to a router that was never there; default 10000 */
    uint32_t start_timeout_ms;    /* request to run_student_started; default 60000 */
    uint32_t handover_timeout_ms; /* from there to init's H; default 10000 */
    uint32_t retval_timeout_ms;   /* init gone to the return value; default 60000 */
    uint32_t router_grace_ms;     /* router gone to giving up its runs; default 1000 */
};

/* The parameters of INGInious's run_student. Strings are UTF-8 and copied. */
struct studentrun_request {
    const char *environment;  /* NULL: the default */
    uint32_t time_limit;      /* CPU seconds; 0: the agent's default */
    uint32_t hard_time_limit; /* wall-clock seconds; 0: the agent's default */
    uint32_t memory_limit;    /* MiB; 0: the agent's default */
    /* The two exactly, in microseconds, for agents that take fractions; 0: as above. Others are
     * given these rounded up to whole seconds. */
    uint64_t time_limit_usec, hard_time_limit_usec;
    bool share_network;
    bool run_as_root;
    bool ssh;            /* an ssh session after the command, which may then be NULL or empty */
    const char *command; /* see studentrun_command_check() */
    const char *teardown_script; /* NULL: none */
    const char *working_dir;     /* as the student sees it; NULL: /task */
    int fds[3]; /* stdin, stdout, stderr; taken on success; -1: /dev/null. May repeat */
};

struct studentrun_result {
    int retval;              /* section 8 of the protocol */
    int signal;              /* what killed the command; 0: nothing did, or not known */
    const char *termination; /* exited, signal, cpu_time, wall_time, memory, unavailable, failed */
    const char *reason;      /* one line for a person, or NULL */
    uint64_t cpu_usec, wall_usec, memory_peak; /* memory in bytes; all 0 where not known */
};

/* How to come into the ssh session. */
struct studentrun_ssh_login {
    const char *user, *password;
    const char *host; /* NULL: the agent did not say */
    uint16_t port;    /* 0: the agent did not say */
};

/* The strings are the engine's and go when the callback returns. studentrun_free() may be called.
 */
struct studentrun_events {
    /* The container exists. */
    void (*started)(struct studentrun *run, const char *container_id, void *userdata);
    /* The command was handed over to its init; the engine holds none of its descriptors now. */
    void (*handed_over)(struct studentrun *run, void *userdata);
    /* The command has ended and the ssh session may be entered. NULL takes no interest. */
    void (*ssh_ready)(struct studentrun *run, const struct studentrun_ssh_login *login,
                      void *userdata);
    /* Exactly once, the last: the run has ended. */
    void (*ended)(struct studentrun *run, const struct studentrun_result *result, void *userdata);
};

/*
 * Connects to sockets_dir/main.sock, which need not exist yet. -ENAMETOOLONG: sockets_dir
 * is too long for Unix sockets in it; -ENOMEM, -EMFILE.
 */
int studentrun_engine_new(const struct studentrun_options *options,
                          struct studentrun_engine **ret_engine);
/* Takes NULL. All its runs must be freed before. */
void studentrun_engine_free(struct studentrun_engine *engine);
/* Readable when there is something to dispatch; the engine's own. */
int studentrun_engine_fd(const struct studentrun_engine *engine);
int studentrun_engine_dispatch(struct studentrun_engine *engine);
/* The router is known to be dead: its runs end as 254 with this reason, with no grace. */
void studentrun_engine_router_died(struct studentrun_engine *engine, const char *reason);

/*
 * Asks for a run. On failure nothing was started and fds are still the caller's: -EINVAL,
 * -EILSEQ, -E2BIG as studentrun_command_check(); errors of making sockets and files in
 * sockets_dir otherwise.
 */
int studentrun_start(struct studentrun_engine *engine, const struct studentrun_request *request,
                     const struct studentrun_events *events, void *userdata,
                     struct studentrun **ret_run);
/* Takes NULL. A run going on is given up: its init and agent end it. No callback comes any more. */
void studentrun_free(struct studentrun *run);
/*
 * Sends signal (1 to 64) to the command, in order and after the command itself.
 * -EINVAL: no signal; -ESRCH: ended; -EAGAIN: too many wait for the hand-over or the peer.
 */
int studentrun_signal(struct studentrun *run, int signal);
/* Process 1 of its sandbox, by its number where the agent is; 0: the agent did not say. */
pid_t studentrun_init_pid(const struct studentrun *run);

/*
 * Whether a command can be sent: -EINVAL: a NUL byte or no word in it; -EILSEQ: not UTF-8;
 * -E2BIG: longer than the kernel executes; -EAGAIN: a quote is open or it ends in a
 * backslash, so that more may follow.
 */
int studentrun_command_check(const char *command, size_t size);

#ifdef __cplusplus
}
#endif
