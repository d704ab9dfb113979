/*
 * A run for a shell: options in, streams and signals through, return value out.
 *
 * All of the work is run_student()'s. The one place that tells people what went wrong.
 */
#include "cli.h"

#include "base/cleanup.h"
#include "base/escape.h"
#include "command_line.h"
#include "forward.h"
#include "studentrun.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>

/* The protocol's: the first of those that are not the command's, and the one for what is wrong
 * here. */
#define RETVAL_FIRST  251
#define RETVAL_FAILED 254

static const char *const names[] = {
    [CLI_RUN_STUDENT] = "run_student", [CLI_SSH_STUDENT] = "ssh_student"};

/* --- what it is started with --- */

/* What is opened later is not to become a stream of the command's. */
static void fill_closed_fds(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

/*
 * What the command can change of the streams for everybody who has them, and may leave changed:
 * O_NONBLOCK and the like, and a terminal's settings.
 */
struct streams {
    int flags[STDERR_FILENO + 1];
    bool is_terminal;
    struct termios terminal;
};

static void streams_save(struct streams *streams)
{
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        streams->flags[fd] = fcntl(fd, F_GETFL);
    streams->is_terminal = tcgetattr(STDIN_FILENO, &streams->terminal) == 0;
}

static void streams_restore(const struct streams *streams)
{
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        if (streams->flags[fd] >= 0)
            fcntl(fd, F_SETFL, streams->flags[fd]);
    /* Not where it is another job's by now. */
    if (streams->is_terminal && tcgetpgrp(STDIN_FILENO) == getpgrp())
        tcsetattr(STDIN_FILENO, TCSADRAIN, &streams->terminal);
}

/*
 * In the background a terminal is read by nobody: the command, in a session of its own, would not
 * be stopped by it, and get what is typed for others.
 */
static int input_of_command(void)
{
    pid_t foreground = tcgetpgrp(STDIN_FILENO);
    return foreground >= 0 && foreground != getpgrp() ? -1 : STDIN_FILENO;
}

static int transport_of(enum cli cli, const char *text, enum studentrun_transport *ret_transport)
{
    static const char *const transports[] = {[STUDENTRUN_TRANSPORT_AUTO] = "auto",
                                             [STUDENTRUN_TRANSPORT_FD] = "fd",
                                             [STUDENTRUN_TRANSPORT_MESSAGE] = "message"};
    for (size_t i = 0; i < sizeof(transports) / sizeof(transports[0]); i++)
        if (!text || strcmp(text, transports[i]) == 0) {
            *ret_transport = (enum studentrun_transport)i;
            return 0;
        }
    fprintf(stderr, "%s: --transport %s: it is auto, fd or message\n", names[cli], text);
    return -EINVAL;
}

/* --- what it says --- */

static void tell_login(const struct studentrun_ssh_login *login, void *userdata)
{
    (void)userdata;
    if (login->host)
        printf("ssh -p %u %s@%s\n", login->port, login->user, login->host);
    else
        printf("user: %s\n", login->user);
    printf("password: %s\n", login->password);
    fflush(stdout);
}

/* An agent of INGInious's gives no reason. */
static const char *meaning_of(int retval)
{
    static const char *const meanings[] = {"not available here", "out of memory",
                                           "a time limit was reached", "it could not be run"};
    return retval >= RETVAL_FIRST && retval <= RETVAL_FAILED ? meanings[retval - RETVAL_FIRST]
                                                             : "it failed";
}

/* In one write. The reason may name the command, and that a student's file. */
static void tell_reason(enum cli cli, int retval, const char *reason)
{
    char *text = NULL;
    size_t size;
    FILE *line = open_memstream(&text, &size);
    if (!line)
        return;
    fprintf(line, "%s: %d: ", names[cli], retval);
    put_escaped(line, reason);
    fputc('\n', line);
    if (fclose(line) == 0)
        fputs(text, stderr);
    free(text);
}

/* Not of what the command did by itself: that is its own business. */
static void tell_end(enum cli cli, const struct studentrun_result *result)
{
    static const char *const own[] = {"exited", "signal"};
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (result->termination && strcmp(result->termination, own[i]) == 0)
            return;
    tell_reason(cli, result->retval, result->reason ? result->reason : meaning_of(result->retval));
}

/* sockets: the directory that was asked for, or NULL. */
static int tell_mistake(enum cli cli, const char *sockets, int error)
{
    const char *what = strerror(-error);
    const char *where = sockets && (error == -ENOENT || error == -ENOTDIR) ? sockets : NULL;
    if (error == -EINVAL)
        what = "the command is empty, or a quote in it is open, or it ends in a backslash";
    else if (error == -EILSEQ)
        what = "the command, or another text, is not UTF-8";
    else if (error == -EISDIR)
        what = "a stream is a directory, by which a student would reach all files";
    else if (error == -E2BIG)
        what = "the command is longer than the kernel executes";
    fprintf(stderr, "%s: %d: %s%s%s\n", names[cli], RETVAL_FAILED, where ? where : "",
            where ? ": " : "", what);
    return RETVAL_FAILED;
}

/* --- the run --- */

static struct studentrun_request request_of(enum cli cli, const struct options *options,
                                            const char *command)
{
    return (struct studentrun_request){
        .environment = options->container,
        .time_limit_usec = options->time_usec,
        .hard_time_limit_usec = options->hard_time_usec,
        .memory_limit = (uint32_t)options->memory,
        .share_network = options->share_network,
        .run_as_root = options->run_as_root,
        .ssh = cli == CLI_SSH_STUDENT,
        .command = command,
        .teardown_script = options->teardown_script,
        .working_dir = options->working_dir,
    };
}

static const char *sockets_of(const struct options *options)
{
    const char *sockets = options->sockets;
    if (!sockets && !options->agent)
        sockets = secure_getenv("STUDENTRUN_SOCKETS");
    return sockets && *sockets ? sockets : NULL;
}

/* What only an agent of its own can be told. */
#define AGENT_WORDS_MAX 7
static void agent_words(const struct options *options, const char *ret_words[AGENT_WORDS_MAX])
{
    const char *const all[][2] = {{"--ssh-address", options->ssh_address},
                                  {"--ssh-ports", options->ssh_ports},
                                  {"--ssh-wait", options->ssh_wait}};
    size_t n = 0;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (!all[i][1])
            continue;
        ret_words[n++] = all[i][0];
        ret_words[n++] = all[i][1];
    }
    ret_words[n] = NULL;
}

static int run(enum cli cli, const struct options *options, const char *command)
{
    const char *words[AGENT_WORDS_MAX];
    const struct studentrun_request request = request_of(cli, options, command);
    struct studentrun_call call = {
        .options = options->waits,
        .agent = {.program = options->agent, .task_dir = options->task, .arguments = words},
        .signals = forward_to,
        .signalled = forward_done,
        .ssh_ready = tell_login,
        .is_last = true};
    const int fds[3] = {input_of_command(), STDOUT_FILENO, STDERR_FILENO};
    struct studentrun_result result;
    struct streams streams;
    agent_words(options, words);
    call.options.sockets_dir = sockets_of(options);
    if (transport_of(cli, options->transport, &call.options.transport) < 0)
        return RETVAL_FAILED;
    streams_save(&streams);
    int r = run_student(&request, fds, &call, &result);
    streams_restore(&streams);
    if (r < 0)
        return tell_mistake(cli, call.options.sockets_dir, r);
    tell_end(cli, &result);
    return r;
}

int cli_main(enum cli cli, int argc, char **argv)
{
    struct options options;
    fill_closed_fds();
    forward_signals();
    int r = options_parse(cli, argc, argv, &options);
    if (r != 0)
        return r > 0 ? EXIT_SUCCESS : RETVAL_FAILED;
    _cleanup_free_ char *command =
        options.setup_script ? strdup(options.setup_script) : command_line_of(options.command);
    return command ? run(cli, &options, command) : tell_mistake(cli, NULL, -ENOMEM);
}
