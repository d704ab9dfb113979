/* One run in the agent. */
#include "run_inside.h"

#include "base/cleanup.h"
#include "enforced.h"
#include "protocol/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

/* Looks at the CPU clock: at the earliest moment at which the limit may be reached with all CPUs
 * busy, but not more often than this. */
#define LOOK_MIN_NS       (2 * NS_PER_MS)
#define TEARDOWN_BOUND_NS (60 * NS_PER_S)
#define KILLED_BOUND_NS   (2 * NS_PER_S) /* a process in an uninterruptible wait outlives SIGKILL */
#define SANDBOXES_MAX     3 /* tried for a run, where idle ones were killed: more is no accident */

/* --- the report --- */

static void send_retval(struct peer *peer, struct verdict *verdict, const struct usage *usage)
{
    /* It may quote a command or a path: any bytes, and cut anywhere. */
    utf8_mend(verdict->reason);
    struct message message = {
        .type = MESSAGE_RUN_STUDENT_RETVAL,
        .run_student_retval = {.retval = verdict->retval,
                               .signal = verdict->signal,
                               .reason = text_of(*verdict->reason ? verdict->reason : NULL),
                               .usage = *usage,
                               .termination = text_of(termination_name(verdict->termination))}};
    peer_finish(peer, &message);
}

/* The wall clock stands still while nobody has come to the ssh session: that has its own bound. */
static uint64_t wall_ns(const struct run *run)
{
    return monotonic_ns() - run->started_ns - run_ssh_waited_ns(&run->ssh);
}

/* What it used so far; and whether memory ran out. */
static void measure(struct run *run)
{
    const struct cgroup *cgroup = &run->sandbox->cgroup;
    struct usage *usage = &run->seen.usage;
    uint64_t cpu_ns = cgroup_cpu_ns(cgroup) - run->sandbox->cpu_base_ns;
    usage->cpu_usec = (int64_t)(cpu_ns / NS_PER_US);
    if (run->started_ns)
        usage->wall_usec = (int64_t)(wall_ns(run) / NS_PER_US);
    usage->memory_peak = (int64_t)cgroup_memory_peak(cgroup);
    run->seen.out_of_memory = cgroup_memory_kills(cgroup) > 0;
    run->measured = true;
}

static void run_free(struct run *run)
{
    list_remove(&run->link);
    list_remove(&run->request.link);
    relay_deinit(&run->relay);
    run_ssh_end(&run->ssh);
    disk_unwatch(run->host->disk, &run->disk);
    timer_deinit(&run->clock);
    fd_clear(&run->connection);
    free(run->socket_id);
    free(run);
}

/* Nothing follows it. */
void run_tell_end(struct run *run)
{
    relay_deinit(&run->relay);
    send_retval(run->peer, &run->verdict, &run->seen.usage);
    run_free(run);
}

void run_output_sent(struct relay *relay)
{
    run_tell_end(container_of(relay, struct run, relay));
}

static void report(struct run *run)
{
    struct verdict *verdict = &run->verdict;
    *verdict = (struct verdict){.retval = RETVAL_FAILED, .termination = TERMINATION_FAILED};
    bool is_over = run->seen.outcome.known && run->seen.cause == KILL_NONE;
    if (*run->refusal) {
        if (run->is_unavailable) {
            verdict->retval = RETVAL_UNAVAILABLE;
            verdict->termination = TERMINATION_UNAVAILABLE;
        }
        memcpy(verdict->reason, run->refusal, REASON_MAX);
    } else {
        if (!run->measured)
            measure(run);
        run->seen.last_words =
            run->host->stopping ? "the agent was stopped" : sandbox_last_words(run->sandbox);
        verdict_reach(&run->seen, verdict);
    }
    run_ssh_end(&run->ssh);
    disk_unwatch(run->host->disk, &run->disk);
    if (run->sandbox)
        pool_retire(run->host->pool, run->sandbox, !is_over);
    run->sandbox = NULL;
    fd_clear(&run->connection);
    if (!relay_is_open(&run->relay) || run->peer->is_gone || run->host->stopping) {
        run_tell_end(run);
        return;
    }
    timer_disarm(&run->clock);
    relay_end(&run->relay);
}

/* --- the limits --- */

static void arm_clock(struct run *run, uint64_t cpu, uint64_t wall)
{
    uint64_t cpu_left = run->seen.limits.cpu_ns - cpu;
    uint64_t wall_left =
        run_ssh_is_waiting(&run->ssh) ? UINT64_MAX : run->seen.limits.wall_ns - wall;
    uint64_t look = cpu_left / run->host->n_cpus;
    if (look < LOOK_MIN_NS)
        look = LOOK_MIN_NS;
    timer_arm(&run->clock, look < wall_left ? look : wall_left);
}

static void look_at_clocks(struct run *run)
{
    uint64_t cpu = cgroup_cpu_ns(&run->sandbox->cgroup) - run->sandbox->cpu_base_ns;
    uint64_t wall = wall_ns(run);
    if (cpu > run->seen.limits.cpu_ns)
        run->seen.cause = KILL_CPU;
    else if (wall >= run->seen.limits.wall_ns)
        run->seen.cause = KILL_WALL;
    if (run->seen.cause == KILL_NONE)
        arm_clock(run, cpu, wall);
    else
        run_event(run, LIFE_OVER_LIMIT);
}

static void on_clock(struct timer *timer)
{
    struct run *run = container_of(timer, struct run, clock);
    if (run->life == LIFE_RUNNING)
        look_at_clocks(run);
    else if (run->life == LIFE_TEARDOWN && !run->sandbox->killed)
        run_event(run, LIFE_OVER_LIMIT);
    else
        run_event(run, LIFE_OVERDUE);
}

static void on_disk(struct disk_use *use)
{
    struct run *run = container_of(use, struct run, disk);
    if (run->life == LIFE_RUNNING && run->seen.cause == KILL_NONE)
        run->seen.cause = KILL_DISK;
    run_event(run, LIFE_OVER_LIMIT);
}

/* --- its sandbox --- */

/* By init, which may be heard late: of a short run together with its end. */
static uint64_t when_started(const struct message_init_running *running)
{
    uint64_t now = monotonic_ns(), since = (uint64_t)running->since;
    return running->since > 0 && since < now ? since : now;
}

static void on_sandbox(struct sandbox *sandbox, enum sandbox_event event,
                       const struct message *message)
{
    struct run *run = sandbox->owner;
    struct outcome *outcome = &run->seen.outcome;
    if (event == SANDBOX_HAS_ENDED) {
        run_event(run, LIFE_GONE);
    } else if (event == SANDBOX_NO_MEMORY) {
        if (run->life != LIFE_TEARDOWN && run->seen.cause == KILL_NONE)
            run->seen.cause = KILL_MEMORY;
        run_event(run, LIFE_OVER_LIMIT);
    } else if (message && message->type == MESSAGE_INIT_RUNNING) {
        run->started_ns = when_started(&message->init_running);
        run_event(run, LIFE_STARTED);
    } else if (message && message->type == MESSAGE_INIT_SSH && run->life == LIFE_RUNNING) {
        run_ssh_begin(&run->ssh, run->sandbox, relay_is_open(&run->relay) ? run->peer : NULL,
                      &message->init_ssh);
    } else if (message && message->type == MESSAGE_INIT_VISITED && run->life == LIFE_RUNNING) {
        run_ssh_visited(&run->ssh);
        look_at_clocks(run);
    } else if (message && message->type == MESSAGE_INIT_ENDED && !outcome->known) {
        const struct message_init_ended *ended = &message->init_ended;
        outcome->known = true;
        outcome->retval = ended->retval;
        outcome->signal = ended->signal;
        outcome->termination = termination_of(ended->termination);
        if (outcome->termination == TERMINATION_COUNT)
            outcome->termination = TERMINATION_FAILED;
        snprintf(outcome->reason, REASON_MAX, "%.*s", (int)ended->reason.size,
                 ended->reason.data ? ended->reason.data : "");
        if (!run->measured)
            measure(run);
        run_ssh_end(&run->ssh);
        run_event(run, ended->teardown ? LIFE_TEARING : LIFE_ENDED);
    }
}

static void on_grant(struct pool_request *request, struct sandbox *sandbox, const char *reason)
{
    struct run *run = container_of(request, struct run, request);
    if (!sandbox) {
        bool is_root = run->request.kind.run_as_root && !run->host->stopping;
        run->is_unavailable = is_root;
        snprintf(run->refusal, REASON_MAX, "no sandbox%s: %s", is_root ? " to be root in" : "",
                 reason);
        run_event(run, LIFE_REFUSED);
        return;
    }
    run->sandbox = sandbox;
    sandbox->owner = run;
    sandbox->fn = on_sandbox;
    run_event(run, LIFE_SANDBOX);
}

static void hand_over(struct run *run)
{
    struct message started = {
        .type = MESSAGE_RUN_STUDENT_STARTED,
        .run_student_started = {.container_id = text_of(run->container_id),
                                .init_pid = run->sandbox->init_pid,
                                .enforced =
                                    enforced_limits(run->host->pool->cgroups,
                                                    maker_has_user_namespace(run->host->pool->maker,
                                                                             &run->request.kind)),
                                .features = FEATURE_FD | FEATURE_REASON | FEATURE_USAGE |
                                            FEATURE_TERMINATION | FEATURE_MESSAGE}};
    int r = run_give(run);
    if (r == -EPIPE && run->n_sandboxes < SANDBOXES_MAX) {
        run_event(run, LIFE_BROKEN);
    } else if (r < 0) {
        run_event(run, LIFE_REFUSED);
    } else {
        fd_clear(&run->connection); /* init has it */
        started.run_student_started.stdin_pipe = (int64_t)relay_input_inode(&run->relay);
        peer_send(run->peer, &started);
    }
}

/* --- the table's actions --- */

static void ask_pool(struct run *run)
{
    if (run->sandbox)
        pool_retire(run->host->pool, run->sandbox, true);
    run->sandbox = NULL;
    *run->refusal = 0;
    run->n_sandboxes++;
    pool_ask(run->host->pool, &run->request);
}

static void ignore(struct run *run)
{
    (void)run;
}

static void watch_limits(struct run *run)
{
    arm_clock(run, 0, 0);
    if (run->sandbox->student_ino) /* else it has one in memory, which counts as such */
        disk_watch(run->host->disk, &run->disk, &run->sandbox->cgroup, on_disk);
}

static void bound_teardown(struct run *run)
{
    timer_arm(&run->clock, TEARDOWN_BOUND_NS);
    /* It fails only where init is gone, which is heard of otherwise. */
    sandbox_begin_teardown(run->sandbox, &run->seen.limits);
}

static void kill_sandbox(struct run *run)
{
    timer_arm(&run->clock, KILLED_BOUND_NS);
    sandbox_kill(run->sandbox);
}

static void kill_run(struct run *run)
{
    measure(run);
    kill_sandbox(run);
}

void run_event(struct run *run, enum life_event event)
{
    static void (*const actions[])(struct run *) = {
        [LIFE_IGNORE] = ignore,
        [LIFE_ASSIGN] = hand_over,
        [LIFE_ASK] = ask_pool,
        [LIFE_WATCH] = watch_limits,
        [LIFE_UNWATCH] = bound_teardown,
        [LIFE_KILL] = kill_run,
        [LIFE_KILL_TEARDOWN] = kill_sandbox,
        [LIFE_REPORT] = report,
    };
    struct life_step step = life_step(run->life, event);
    run->life = step.next;
    actions[step.action](run);
}

/* --- its start --- */

static void refuse_environment(const struct run_host *host, const struct text *asked,
                               struct verdict *verdict)
{
    char known[REASON_MAX / 2];
    environments_print(host->environments, known, sizeof(known));
    *verdict = (struct verdict){.retval = RETVAL_FAILED, .termination = TERMINATION_FAILED};
    snprintf(verdict->reason, REASON_MAX, "no container '%.*s' here; there is: %s",
             asked->size > 100 ? 100 : (int)asked->size, asked->data, known);
}

/* Whether it is refused for a limit that would not hold. */
static bool lacks_limits(const struct run_host *host, const struct message_run_student *asked,
                         char reason[REASON_MAX])
{
    const struct sandbox_kind kind = {.run_as_root = asked->run_as_root};
    bool has_user_namespace = maker_has_user_namespace(host->pool->maker, &kind);
    if (!host->strict || enforced_limits(host->pool->cgroups, has_user_namespace) == LIMITS_ALL)
        return false;
    char missing[REASON_MAX - 64];
    enforced_describe_missing(host->pool->cgroups, has_user_namespace, missing, sizeof(missing));
    snprintf(reason, REASON_MAX, "a limit cannot be enforced here (--strict): %s", missing);
    return true;
}

/* What this agent does not do: 251 or 254 before anything is started. */
static bool refuse_request(const struct run_host *host, struct peer *peer,
                           const struct message_run_student *asked,
                           const struct environment **ret_environment)
{
    struct verdict verdict = {.retval = RETVAL_UNAVAILABLE, .termination = TERMINATION_UNAVAILABLE};
    if (asked->ssh && !ssh_host_is_available(host->ssh))
        snprintf(verdict.reason, REASON_MAX, "ssh is not available: no studentfs-ssh is installed");
    else if (!environments_find(host->environments, asked->environment, ret_environment))
        refuse_environment(host, &asked->environment, &verdict);
    else if (!lacks_limits(host, asked, verdict.reason))
        return false;
    send_retval(peer, &verdict, &(struct usage){0});
    return true;
}

/* Who knows it may feed the run and signal it: it is not to be guessed. */
static void name_container(struct run *run)
{
    uint64_t random = 0;
    /* Once the kernel has its entropy these few bytes come always, and whole. */
    if (getrandom(&random, sizeof(random), 0) != sizeof(random))
        random = monotonic_ns();
    snprintf(run->container_id, sizeof(run->container_id), "studentfs-%d-%lu-%016" PRIx64, getpid(),
             ++run->host->last_number, random);
}

static struct run *run_new(struct run_host *host, struct peer *peer,
                           const struct message_run_student *asked,
                           const struct environment *environment)
{
    struct run *run = calloc(1, sizeof(*run));
    if (!run)
        return NULL;
    run->host = host;
    run->peer = peer;
    run->connection = -1;
    list_init(&run->link);
    run->request = (struct pool_request){.kind = {.share_network = asked->share_network,
                                                  .run_as_root = asked->run_as_root,
                                                  .environment = environment},
                                         .fn = on_grant};
    list_init(&run->request.link);
    run->socket_id = strndup(asked->socket_id.data, asked->socket_id.size);
    if (!run->socket_id || timer_init(host->loop, &run->clock, on_clock) < 0) {
        run_free(run);
        return NULL;
    }
    limits_resolve(host->limits, asked, &run->seen.limits);
    name_container(run);
    run->ssh =
        (struct run_ssh){.host = asked->ssh ? host->ssh : NULL, .container_id = run->container_id};
    list_append(&host->runs, &run->link);
    peer->ops = &run_peer_ops;
    peer->owner = run;
    return run;
}

void run_start(struct run_host *host, struct peer *peer, const struct message_run_student *asked)
{
    const struct environment *environment;
    if (refuse_request(host, peer, asked, &environment))
        return;
    struct run *run = host->stopping ? NULL : run_new(host, peer, asked, environment);
    if (run) {
        ask_pool(run);
        return;
    }
    struct verdict verdict = {.retval = RETVAL_FAILED, .termination = TERMINATION_FAILED};
    snprintf(verdict.reason, REASON_MAX, "the agent is %s",
             host->stopping ? "stopping" : "out of memory or descriptors");
    send_retval(peer, &verdict, &(struct usage){0});
}
