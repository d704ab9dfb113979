/*
 * studentrun: runs students' programs in sandboxes; see studentrun(3).
 *
 * run_student() and run_student_simple(), at the end of this file, wait for the run's end. For
 * programs with an event loop of their own there is an engine, which they are made of: it
 * talks through a router (protocol.md, beside the README).
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
    STUDENTRUN_TRANSPORT_MESSAGE, /* blocks, by way of the router and the agent; the engine reads
                                     and writes the descriptors, and leaves their flags alone */
};

/* Times are milliseconds; 0 takes the default. */
struct studentrun_options {
    const char *sockets_dir; /* holds main.sock; "/sockets" in a grading container */
    enum studentrun_transport transport;
    uint32_t connect_timeout_ms;  /* to a router that was never there; default 10000 */
    uint32_t start_timeout_ms;    /* request to run_student_started; default 60000 */
    uint32_t handover_timeout_ms; /* from there to init's H, or to the answer to
                                     run_student_init; default 10000 */
    uint32_t fallback_timeout_ms; /* auto: to init's H, then message mode is tried; default 10000 */
    uint32_t retval_timeout_ms;   /* init gone to the return value; in message mode, twice that from
                                     the end of hard_time_limit, and of output that waits to be
                                     read; default 60000 */
    uint32_t router_grace_ms;     /* router gone to giving up its runs; default 1000 */
    uint32_t max_runs;            /* at a time, no more than ZeroMQ has sockets for, its default;
                                     an engine for few takes less memory and time to make, and
                                     gives others -EMFILE. Of no use to the waiting calls */
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
    /* stdin, stdout, stderr; taken on success; -1: /dev/null. May repeat. The waiting calls at
     * the end have no use for it. */
    int fds[3];
};

struct studentrun_result {
    int retval; /* section 8 of the protocol */
    int signal; /* what killed the command; 0: nothing did, or not known */
    const char
        *termination;   /* exited, signal, cpu_time, wall_time, memory, disk, unavailable, failed */
    const char *reason; /* one line for a person, or NULL */
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
    /* The command was handed over to its init; in fd mode the engine holds none of its descriptors
     * now, in message mode it reads and writes them until the end. */
    void (*handed_over)(struct studentrun *run, void *userdata);
    /* The command has ended and the ssh session may be entered. NULL takes no interest. */
    void (*ssh_ready)(struct studentrun *run, const struct studentrun_ssh_login *login,
                      void *userdata);
    /* Exactly once, the last: the run has ended, and in message mode all of its output is written,
     * or nobody reads it. */
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
 * -EILSEQ, -E2BIG as studentrun_command_check(); -EBADF, -EISDIR: one of fds is no descriptor, or a
 * directory's, by which a student would be out of the sandbox; errors of making sockets and files
 * in sockets_dir otherwise.
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
/* Whether none waits in this process: of the run's for the hand-over, and of all those that its
 * engine sent by messages in a thread, which ends with the router's answer. */
bool studentrun_signals_are_read(const struct studentrun *run);
/* Which of its limits hold, for all its processes together: of the words `cpu wall memory
 * processes`, in this order; from `started` on. NULL: the agent did not say. The run's. */
const char *studentrun_enforced(const struct studentrun *run);
/* Process 1 of its sandbox, by its number where the agent is; 0: the agent did not say. */
pid_t studentrun_init_pid(const struct studentrun *run);
/* In message mode: the inode of the pipe that the command reads its input from, in the agent's
 * kernel. 0: the agent did not say, or input is on its way to it. */
ino_t studentrun_stdin_pipe(const struct studentrun *run);

/*
 * Whether a command can be sent: -EINVAL: a NUL byte or no word in it; -EILSEQ: not UTF-8;
 * -E2BIG: longer than the kernel executes; -EAGAIN: a quote is open or it ends in a
 * backslash, so that more may follow.
 */
int studentrun_command_check(const char *command, size_t size);

/* --- an agent of one's own, where no router is --- */

struct studentrun_agent;

/* All zero is the default. Borrowed. */
struct studentrun_agent_options {
    const char *program;          /* NULL: the studentfs-agent installed with this library */
    const char *task_dir;         /* its student/ is /task/student; NULL: the working directory */
    const char *const *arguments; /* further ones of studentfs-agent(8), NULL-terminated, or NULL */
};

/*
 * Starts one and waits until it is ready. It ends with the thread that calls this. On failure
 * a line for a person is in ret_reason, of size bytes: -ENOENT: no program; -ECHILD: it ended;
 * -ETIMEDOUT.
 */
int studentrun_agent_new(const struct studentrun_agent_options *options,
                         struct studentrun_agent **ret_agent, char *ret_reason, size_t size);
/* Takes NULL. Its runs end as 254. Call it in the process that made it. */
void studentrun_agent_free(struct studentrun_agent *agent);
/* For sockets_dir of struct studentrun_options. */
const char *studentrun_agent_sockets(const struct studentrun_agent *agent);
/* Readable when it has ended by itself; the agent's own. */
int studentrun_agent_fd(const struct studentrun_agent *agent);

/* --- run and wait --- */

struct studentrun_signals;

/* What is beside a request; all zero, or NULL in its place, is the default. */
struct studentrun_call {
    /* sockets_dir NULL: /sockets where /sockets/main.sock exists and no agent.program is given;
     * else an agent for this call alone. */
    struct studentrun_options options;
    struct studentrun_agent_options agent;
    /* Called first of all with what signals are sent by, and with NULL before the call returns. */
    void (*signals)(struct studentrun_signals *signals, void *userdata);
    /* One of them has left for the command and gets there were this process stopped; or it was
     * waited for that for 2 s, or the command has ended. */
    void (*signalled)(int signal, void *userdata);
    void (*ssh_ready)(const struct studentrun_ssh_login *login, void *userdata);
    void *userdata;
    bool is_last; /* the process ends after it: memory and threads are left to the kernel */
};

/* To the command, as studentrun_signal(). For any thread, and for signal handlers. */
int studentrun_signals_send(struct studentrun_signals *signals, int signal);

/*
 * Runs and waits. fds are stdin, stdout and stderr, borrowed (-1: /dev/null; NULL: 0, 1 and 2).
 * working_dir NULL is the working directory where the student has it too, else /task. Returns the
 * return value (section 8 of the protocol), or a negative errno where nothing was asked for:
 * as studentrun_start() and studentrun_engine_new(). ret_result may be NULL; its reason lasts until
 * this thread's next call.
 */
int run_student(const struct studentrun_request *request, const int fds[3],
                const struct studentrun_call *call, struct studentrun_result *ret_result);

/* All zero: no input. Borrowed. */
struct studentrun_input {
    const void *data;
    size_t size;
    bool stdout_err_fuse;  /* standard error goes into out, in the order written */
    uint64_t output_limit; /* bytes kept of each; 0: 1 GiB. What is more is dropped */
};

struct studentrun_output {
    char *out, *err; /* terminated, to be used as strings as well; never NULL */
    size_t out_size, err_size;
    bool is_truncated; /* something was dropped */
    struct studentrun_result result;
};

/*
 * The same with bytes in place of descriptors. Free ret_output's texts where it returns 0 or more;
 * its result is as run_student()'s. input may be NULL.
 */
int run_student_simple(const struct studentrun_request *request,
                       const struct studentrun_input *input, const struct studentrun_call *call,
                       struct studentrun_output *ret_output);
void studentrun_output_free(struct studentrun_output *output);

#ifdef __cplusplus
}
#endif
