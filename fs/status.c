/* What is going on with a run, in texts. Keys are stable: graders parse them. */
#include "status.h"

#include "base/escape.h"
#include "run.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>

const char *run_state_name(enum run_state state)
{
    static const char *const names[RUN_STATES] = {[RUN_NEW] = "new",
                                                  [RUN_STARTING] = "starting",
                                                  [RUN_RUNNING] = "running",
                                                  [RUN_ENDED] = "ended"};
    return names[state];
}

static void put_line(FILE *out, const char *key, const char *text)
{
    fprintf(out, "%s: ", key);
    put_escaped(out, text);
    fputc('\n', out);
}

static void put_seconds(FILE *out, const char *key, uint64_t usec)
{
    fprintf(out, "%s: %" PRIu64 ".%06" PRIu64 "\n", key, usec / 1000000, usec % 1000000);
}

static void put_input(const struct input *input, FILE *out)
{
    const char *state = !input->opened && !input->ending ? "never opened"
                        : input->closed || input->ending ? "closed"
                                                         : "open";
    fprintf(out, "stdin: %" PRIu64 " (%s)\n", input->size, state);
}

static void put_recording(const char *key, const struct recording *recording, FILE *out)
{
    const char *state = recording->truncated ? "truncated" : recording->ended ? "closed" : "open";
    fprintf(out, "%s: %" PRIu64 " (%s)\n", key, recording->size, state);
}

static void put_result(const struct run *run, FILE *out)
{
    const struct run_result *result = &run->result;
    fprintf(out, "retval: %d\ntermination: %s\n", result->retval, result->termination);
    if (result->reason)
        put_line(out, "reason", result->reason);
    if (result->signal > 0) {
        const char *name = sigabbrev_np(result->signal);
        fprintf(out, "signal: %d (%s)\n", result->signal, name ? name : "real-time");
    }
}

int status_show(const struct file_type *type, const struct run *run, FILE *out)
{
    (void)type;
    fprintf(out, "state: %s\n", run_state_name(run->state));
    if (run->state == RUN_ENDED)
        put_result(run, out);
    if (run_waits_for_input(run))
        fputs("waiting: stdin\n", out);
    if (run->ssh_login && run->state != RUN_ENDED)
        fputs("ssh: up\n", out);
    if (run->container_id)
        put_line(out, "container_id", run->container_id);
    if (run->enforced)
        put_line(out, "enforced", run->enforced);
    put_input(&run->input, out);
    put_recording("stdout", &run->recordings[RUN_STDOUT], out);
    put_recording("stderr", &run->recordings[RUN_STDERR], out);
    if (run->peer_name)
        put_line(out, "peer", run->peer_name);
    if (run->result.cpu_usec > 0)
        put_seconds(out, "cpu", run->result.cpu_usec);
    if (run->state >= RUN_RUNNING)
        put_seconds(out, "wall", run_wall_usec(run));
    if (run->result.memory_peak > 0)
        fprintf(out, "memory: %" PRIu64 "\n", run->result.memory_peak);
    if (run->incomplete)
        put_line(out, "command", "(incomplete: a quote is open, or more is to come)");
    else if (run->command)
        put_line(out, "command", run->command);
    return 0;
}

int usage_show(const struct file_type *type, const struct run *run, FILE *out)
{
    (void)type;
    if (run->result.cpu_usec > 0)
        fprintf(out, "cpu_usec: %" PRIu64 "\n", run->result.cpu_usec);
    if (run->state >= RUN_RUNNING)
        fprintf(out, "wall_usec: %" PRIu64 "\n", run_wall_usec(run));
    if (run->result.memory_peak > 0)
        fprintf(out, "memory_peak: %" PRIu64 "\n", run->result.memory_peak);
    for (int i = 0; i < RUN_STREAMS; i++)
        fprintf(out, "%s_bytes: %" PRIu64 "\n", i == RUN_STDOUT ? "stdout" : "stderr",
                run->recordings[i].size);
    fprintf(out, "stdin_bytes: %" PRIu64 "\n", run->input.size);
    return 0;
}
