/* The pool of prepared sandboxes. */
#include "pool.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "system_files.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* Made at the same time: two per CPU of a small machine; more only take turns. */
#define STARTING_MAX 8
#define REASON_SIZE  256
/* For init to exit and the kernel to end what the student left. */
#define END_BOUND_NS (2 * NS_PER_S)
/* Between two looks at how many sandboxes are called for: a minute after the last of fifty runs
 * three are left of them. */
#define DECAY_NS (15 * NS_PER_S)
/* After a sandbox was given away, until others are prepared in its place. */
#define QUIET_NS (20 * NS_PER_MS)
/* After one that died idle: twice as long each time, up to ten seconds. */
#define IDLE_DEATH_NS   (20 * NS_PER_MS)
#define IDLE_DEATHS_MAX 9

static struct sandbox *sandbox_of(struct list *link)
{
    return container_of(link, struct sandbox, link);
}

static void later(struct pool *pool)
{
    deferred_schedule(pool->loop, &pool->turn);
}

static void move_to(struct list *list, struct sandbox *sandbox)
{
    list_remove(&sandbox->link);
    list_append(list, &sandbox->link);
}

static const struct sandbox_kind usual = {.share_network = false};

static unsigned count(const struct list *list, const struct sandbox_kind *kind)
{
    unsigned n = 0;
    list_for_each (item, list)
        n += kind_equals(&sandbox_of(item)->kind, kind);
    return n;
}

static struct pool_request *request_of(struct list *link)
{
    return container_of(link, struct pool_request, link);
}

static unsigned count_requests(const struct pool *pool, const struct sandbox_kind *kind)
{
    unsigned n = 0;
    list_for_each (item, &pool->requests)
        n += kind_equals(&request_of(item)->kind, kind);
    return n;
}

/* --- requests --- */

static void refuse_first(struct pool *pool, const struct sandbox_kind *kind, const char *reason)
{
    pool->broken = pool->broken || kind_equals(kind, &usual);
    list_for_each (item, &pool->requests) {
        struct pool_request *request = request_of(item);
        if (!kind_equals(&request->kind, kind))
            continue;
        list_remove(item);
        request->fn(request, NULL, reason);
        return;
    }
    log_warning("no sandbox could be prepared: %s", reason);
}

/* The directory's identity; 0 where there is none. Not a link: what it leads to may be anything. */
static void look_at_student(const struct pool *pool, dev_t *ret_dev, ino_t *ret_ino)
{
    struct stat st;
    bool there = lstat(pool->maker->student, &st) == 0 && S_ISDIR(st.st_mode);
    *ret_dev = there ? st.st_dev : 0;
    *ret_ino = there ? st.st_ino : 0;
}

/* What it shows is not what is there now. */
static bool is_stale(const struct pool *pool, const struct sandbox *sandbox)
{
    dev_t dev;
    ino_t ino;
    look_at_student(pool, &dev, &ino);
    return sandbox->student_dev != dev || sandbox->student_ino != ino ||
           sandbox->system_files != system_files_stamp(pool->maker->system_files);
}

static struct sandbox *take_ready(struct pool *pool, const struct sandbox_kind *kind)
{
    list_for_each_safe (item, following, &pool->ready) {
        struct sandbox *sandbox = sandbox_of(item);
        if (sandbox->state != SANDBOX_READY) {
            continue; /* it is dead, and waits for its group to be empty */
        } else if (is_stale(pool, sandbox)) {
            pool_retire(pool, sandbox, true);
        } else if (kind_equals(&sandbox->kind, kind)) {
            list_remove(item);
            return sandbox;
        }
    }
    return NULL;
}

/* Those given in a row, before all were there again, are called for like those in use at once. */
static void note_grant(struct pool *pool, bool is_usual)
{
    pool->granted_ns = monotonic_ns();
    pool->n_row += is_usual;
    demand_note(&pool->demand, pool->n_row);
}

static void serve_requests(struct pool *pool)
{
    list_for_each_safe (item, following, &pool->requests) {
        struct pool_request *request = request_of(item);
        struct sandbox *sandbox = take_ready(pool, &request->kind);
        if (!sandbox)
            continue;
        list_remove(item);
        pool->n_busy++;
        note_grant(pool, kind_equals(&sandbox->kind, &usual));
        request->fn(request, sandbox, NULL);
    }
}

/* --- sandboxes --- */

/* One that dies idle may be an accident; those that all do would be made again for ever. */
static void count_death(struct pool *pool)
{
    unsigned doublings =
        pool->n_idle_deaths < IDLE_DEATHS_MAX ? pool->n_idle_deaths++ : IDLE_DEATHS_MAX;
    pool->barred_until_ns = monotonic_ns() + (IDLE_DEATH_NS << doublings);
}

static void on_sandbox(struct sandbox *sandbox, enum sandbox_event event,
                       const struct message *message)
{
    (void)message;
    struct pool *pool = sandbox->owner;
    if (event == SANDBOX_IS_READY) {
        pool->broken = pool->broken && !kind_equals(&sandbox->kind, &usual);
        sandbox_limit_ahead(sandbox, &pool->limits);
        move_to(&pool->ready, sandbox);
    } else if (event == SANDBOX_HAS_ENDED) {
        /* One that was retired, or died idle, is nobody's loss: another is made. */
        bool was_wanted = !sandbox->retired && sandbox->init < 0 && !is_stale(pool, sandbox);
        const char *words = sandbox_last_words(sandbox);
        if (was_wanted)
            refuse_first(pool, &sandbox->kind,
                         *words ? words : "the sandbox ended before it was ready");
        else if (!sandbox->retired && sandbox->init >= 0)
            count_death(pool);
        graves_bury(&pool->graves, &sandbox->cgroup);
        sandbox_deinit(sandbox);
        free(sandbox);
    }
    later(pool);
}

static int start(struct pool *pool, const struct sandbox_kind *kind, char *ret_reason, size_t size)
{
    struct spawn spawn;
    struct cgroup cgroup = {0};
    struct sandbox *sandbox = malloc(sizeof(*sandbox));
    dev_t dev;
    ino_t ino;
    if (!sandbox)
        return -ENOMEM;
    look_at_student(pool, &dev, &ino);
    /* Before they are read: what changes meanwhile is seen by the next look. */
    uint64_t system_files = system_files_stamp(pool->maker->system_files);
    int r = maker_prepare(pool->maker, kind, dev || ino, &spawn, ret_reason, size);
    if (r == 0)
        r = cgroup_new(&cgroup, pool->cgroups);
    if (r == 0)
        r = sandbox_init(sandbox, pool->loop, pool->spawner, &cgroup, &spawn, on_sandbox);
    maker_release(&spawn);
    if (r < 0) {
        cgroup_remove(&cgroup);
        free(sandbox);
        return r;
    }
    sandbox->owner = pool;
    sandbox->kind = *kind;
    sandbox->system_files = system_files;
    sandbox->student_dev = dev;
    sandbox->student_ino = ino;
    list_append(&pool->spawning, &sandbox->link);
    list_append(&pool->all, &sandbox->all);
    return 0;
}

/*
 * How many to have ready now. Right behind a run that was given one, none while others are ready,
 * else the least: what is prepared takes CPU time from it (two runs in a row take 2.3 ms each so,
 * 3.9 otherwise), and with cgroup v1 before Linux 5.4 keeps every fork on the machine waiting.
 * None at once after some that died idle.
 */
static unsigned target(struct pool *pool, unsigned ready, unsigned n_busy)
{
    uint64_t now = monotonic_ns(), quiet = pool->granted_ns + QUIET_NS;
    uint64_t until = quiet > pool->barred_until_ns ? quiet : pool->barred_until_ns;
    if (now >= until) {
        unsigned all = demand_target(&pool->demand, n_busy);
        pool->n_row = ready >= all ? 0 : pool->n_row;
        return all;
    }
    timer_arm(&pool->quiet, until - now);
    return now < pool->barred_until_ns || ready > 0 ? 0 : pool->demand.least;
}

static void on_quiet(struct timer *timer)
{
    later(container_of(timer, struct pool, quiet));
}

static void fill(struct pool *pool, const struct sandbox_kind *kind)
{
    unsigned starting = count(&pool->spawning, kind) + count(&pool->starting, kind);
    unsigned ready = count(&pool->ready, kind), there = starting + ready;
    unsigned wanted = count_requests(pool, kind);
    if (kind_equals(kind, &usual) && !pool->broken)
        wanted += target(pool, ready, pool->n_busy + wanted);
    for (; there < wanted && starting < STARTING_MAX && !pool->ending; there++, starting++) {
        char reason[REASON_SIZE] = "";
        int r = start(pool, kind, reason, sizeof(reason));
        if (r < 0) {
            refuse_first(pool, kind, *reason ? reason : strerror(-r));
            return;
        }
    }
}

static void note_demand(struct pool *pool)
{
    demand_note(&pool->demand, pool->n_busy + count_requests(pool, &usual));
    if (pool->demand.peak > pool->demand.least && !pool->decays) {
        pool->decays = true;
        timer_arm(&pool->decay, DECAY_NS);
    }
}

/* What is ready beyond what is called for goes. */
static void on_decay(struct timer *timer)
{
    struct pool *pool = container_of(timer, struct pool, decay);
    pool->decays = demand_decay(&pool->demand);
    if (pool->decays)
        timer_arm(timer, DECAY_NS);
    unsigned ready = count(&pool->ready, &usual);
    unsigned target = demand_target(&pool->demand, 0);
    list_for_each_safe (item, following, &pool->ready) {
        if (ready <= target)
            return;
        if (kind_equals(&sandbox_of(item)->kind, &usual)) {
            pool_retire(pool, sandbox_of(item), true);
            ready--;
        }
    }
}

/* Those of the usual kind, and those that somebody waits for: each kind where its first one is. */
static void on_turn(struct deferred *deferred)
{
    struct pool *pool = container_of(deferred, struct pool, turn);
    note_demand(pool);
    serve_requests(pool);
    fill(pool, &usual);
    list_for_each_safe (item, following, &pool->requests) {
        const struct sandbox_kind kind = request_of(item)->kind;
        if (!kind_equals(&kind, &usual))
            fill(pool, &kind);
    }
}

void pool_spawned(struct pool *pool, int pidfd)
{
    if (list_is_empty(&pool->spawning))
        return;
    struct sandbox *sandbox = sandbox_of(pool->spawning.next);
    move_to(&pool->starting, sandbox);
    sandbox_spawned(sandbox, pidfd);
}

void pool_ask(struct pool *pool, struct pool_request *request)
{
    pool->broken = false;
    list_append(&pool->requests, &request->link);
    later(pool);
}

void pool_retire(struct pool *pool, struct sandbox *sandbox, bool kill)
{
    if (sandbox->owner != pool) {
        pool->n_busy--;
        if (!kill) /* its run went well */
            pool->n_idle_deaths = 0;
    }
    sandbox->fn = on_sandbox;
    sandbox->owner = pool;
    sandbox->retired = true;
    move_to(&pool->retired, sandbox);
    if (sandbox->state == SANDBOX_GONE)
        on_sandbox(sandbox, SANDBOX_HAS_ENDED, NULL);
    else if (kill)
        sandbox_kill(sandbox);
    else if (sandbox->state != SANDBOX_SETTLING)
        sandbox_expect_end(sandbox, END_BOUND_NS);
}

/* --- the whole --- */

int pool_init(struct pool *pool, struct loop *loop, struct spawner *spawner,
              struct cgroup_tree *cgroups, const struct maker *maker, const struct pool_plan *plan)
{
    *pool = (struct pool){.loop = loop,
                          .spawner = spawner,
                          .cgroups = cgroups,
                          .maker = maker,
                          .limits = plan->limits};
    demand_init(&pool->demand, plan->least, plan->most);
    list_init(&pool->requests);
    list_init(&pool->spawning);
    list_init(&pool->starting);
    list_init(&pool->ready);
    list_init(&pool->retired);
    list_init(&pool->all);
    deferred_init(&pool->turn, on_turn);
    later(pool);
    int r = timer_init(loop, &pool->decay, on_decay);
    if (r == 0)
        r = timer_init(loop, &pool->quiet, on_quiet);
    return r < 0 ? r : graves_init(&pool->graves, loop);
}

void pool_end(struct pool *pool)
{
    pool->ending = true;
    while (!list_is_empty(&pool->requests)) {
        struct pool_request *request = request_of(pool->requests.next);
        list_remove(&request->link);
        request->fn(request, NULL, "the agent was stopped");
    }
    list_for_each_safe (item, following, &pool->all) {
        struct sandbox *sandbox = container_of(item, struct sandbox, all);
        sandbox->retired = sandbox->retired || sandbox->owner == pool;
        sandbox_kill(sandbox);
    }
}

bool pool_is_empty(const struct pool *pool)
{
    return list_is_empty(&pool->all) && graves_are_empty(&pool->graves);
}

void pool_deinit(struct pool *pool)
{
    deferred_cancel(&pool->turn);
    timer_deinit(&pool->decay);
    timer_deinit(&pool->quiet);
    list_for_each_safe (item, following, &pool->all) {
        struct sandbox *sandbox = container_of(item, struct sandbox, all);
        sandbox_deinit(sandbox);
        free(sandbox);
    }
    graves_deinit(&pool->graves);
}
