/* The loop: removal while dispatching, timers, deferred work. */
#include "test.h"

#include "base/loop.h"

#include <sys/eventfd.h>
#include <unistd.h>

struct ear {
    struct watch watch;
    int fd;
    int heard;
    struct ear *victim; /* its watch is removed when this one hears something */
    struct loop *loop;
    bool replace; /* the victim is watched again at once */
};

static void on_ear(struct watch *watch, uint32_t events)
{
    struct ear *ear = container_of(watch, struct ear, watch);
    assert_true(events & EPOLLIN);
    ear->heard++;
    if (!ear->victim)
        return;
    watch_remove(&ear->victim->watch);
    if (ear->replace)
        assert_int_equal(
            watch_add(ear->loop, &ear->victim->watch, ear->victim->fd, EPOLLIN, on_ear), 0);
}

static void ear_open(struct ear *ear, struct loop *loop)
{
    *ear = (struct ear){.fd = eventfd(1, EFD_CLOEXEC), .loop = loop};
    assert_true(ear->fd >= 0);
    assert_int_equal(watch_add(loop, &ear->watch, ear->fd, EPOLLIN, on_ear), 0);
}

static void ear_close(struct ear *ear)
{
    watch_remove(&ear->watch);
    watch_remove(&ear->watch); /* harmless */
    close(ear->fd);
}

/* Whichever of the two comes first in the round, the other is not called any more. */
static void test_remove_other(void **state)
{
    (void)state;
    struct loop loop;
    struct ear ears[2];
    assert_int_equal(loop_init(&loop), 0);
    ear_open(&ears[0], &loop);
    ear_open(&ears[1], &loop);
    ears[0].victim = &ears[1];
    ears[1].victim = &ears[0];
    assert_int_equal(loop_dispatch(&loop, 0), 0);
    assert_int_equal(ears[0].heard + ears[1].heard, 1);
    ear_close(&ears[0]);
    ear_close(&ears[1]);
    loop_deinit(&loop);
}

static void test_remove_self(void **state)
{
    (void)state;
    struct loop loop;
    struct ear ear;
    assert_int_equal(loop_init(&loop), 0);
    ear_open(&ear, &loop);
    ear.victim = &ear;
    for (int i = 0; i < 3; i++)
        assert_int_equal(loop_dispatch(&loop, 0), 0);
    assert_int_equal(ear.heard, 1);
    ear_close(&ear);
    loop_deinit(&loop);
}

/* What is watched anew is heard in the next round, not with the old round's events. */
static void test_replace_other(void **state)
{
    (void)state;
    struct loop loop;
    struct ear ears[2];
    assert_int_equal(loop_init(&loop), 0);
    ear_open(&ears[0], &loop);
    ear_open(&ears[1], &loop);
    for (int i = 0; i < 2; i++) {
        ears[i].victim = &ears[1 - i];
        ears[i].replace = true;
    }
    assert_int_equal(loop_dispatch(&loop, 0), 0);
    assert_int_equal(ears[0].heard + ears[1].heard, 1);
    assert_int_equal(loop_dispatch(&loop, 0), 0);
    assert_int_equal(ears[0].heard + ears[1].heard, 2);
    ear_close(&ears[0]);
    ear_close(&ears[1]);
    loop_deinit(&loop);
}

struct bell {
    struct timer timer;
    struct loop *loop;
    int rung;
    struct bell *silences;
};

static void on_bell(struct timer *timer)
{
    struct bell *bell = container_of(timer, struct bell, timer);
    bell->rung++;
    if (bell->silences)
        timer_disarm(&bell->silences->timer);
    loop_stop(bell->loop);
}

static void bell_open(struct bell *bell, struct loop *loop)
{
    *bell = (struct bell){.loop = loop};
    assert_int_equal(timer_init(loop, &bell->timer, on_bell), 0);
}

static void test_timers(void **state)
{
    (void)state;
    struct loop loop;
    struct bell soon, late;
    assert_int_equal(loop_init(&loop), 0);
    bell_open(&soon, &loop);
    bell_open(&late, &loop);
    uint64_t before = monotonic_ns();
    timer_arm(&late.timer, 3600 * NS_PER_S);
    timer_arm(&soon.timer, 3600 * NS_PER_S);
    timer_arm(&soon.timer, 2 * NS_PER_MS); /* replaces the hour */
    assert_int_equal(loop_run(&loop), 0);
    assert_true(monotonic_ns() - before >= 2 * NS_PER_MS);
    assert_int_equal(soon.rung, 1);
    assert_int_equal(late.rung, 0);
    assert_int_equal(loop_dispatch(&loop, 0), 0);
    assert_int_equal(soon.rung, 1); /* one shot */
    timer_arm(&soon.timer, 0);      /* at once, not never */
    assert_int_equal(loop_run(&loop), 0);
    assert_int_equal(soon.rung, 2);
    timer_deinit(&soon.timer);
    timer_deinit(&soon.timer); /* harmless */
    timer_deinit(&late.timer);
    loop_deinit(&loop);
}

/* Both have expired when the first is heard; it disarms the other. */
static void test_timer_disarmed_when_due(void **state)
{
    (void)state;
    struct loop loop;
    struct bell bells[2];
    struct timer never = {0};
    timer_disarm(&never);
    timer_arm(&never, 1);
    assert_int_equal(loop_init(&loop), 0);
    for (int i = 0; i < 2; i++) {
        bell_open(&bells[i], &loop);
        bells[i].silences = &bells[1 - i];
        timer_arm(&bells[i].timer, 1);
    }
    for (int i = 0; i < 2; i++) { /* both are readable now */
        uint64_t deadline = monotonic_ns() + 10 * NS_PER_S;
        struct epoll_event events[4];
        while (epoll_wait(loop.epoll_fd, events, 4, 1000) < 2)
            assert_true(monotonic_ns() < deadline);
    }
    assert_int_equal(loop_dispatch(&loop, 0), 0);
    assert_int_equal(loop_dispatch(&loop, 0), 0);
    assert_int_equal(bells[0].rung + bells[1].rung, 1);
    timer_deinit(&bells[0].timer);
    timer_deinit(&bells[1].timer);
    loop_deinit(&loop);
}

struct chore {
    struct deferred deferred;
    struct loop *loop;
    int done;
    struct chore *cancels, *schedules;
};

static void on_chore(struct deferred *deferred)
{
    struct chore *chore = container_of(deferred, struct chore, deferred);
    chore->done++;
    if (chore->cancels)
        deferred_cancel(&chore->cancels->deferred);
    if (chore->schedules)
        deferred_schedule(chore->loop, &chore->schedules->deferred);
}

static void test_deferred(void **state)
{
    (void)state;
    struct loop loop;
    struct chore chores[3] = {0};
    assert_int_equal(loop_init(&loop), 0);
    for (size_t i = 0; i < N_ELEMENTS(chores); i++) {
        deferred_init(&chores[i].deferred, on_chore);
        chores[i].loop = &loop;
    }
    chores[0].cancels = &chores[1];
    chores[0].schedules = &chores[0]; /* itself: the next round, not this one for ever */
    for (size_t i = 0; i < N_ELEMENTS(chores); i++) {
        deferred_schedule(&loop, &chores[i].deferred);
        deferred_schedule(&loop, &chores[i].deferred); /* once is enough */
    }
    assert_int_equal(chores[0].done, 0);
    assert_int_equal(loop_dispatch(&loop, -1), 0);
    assert_int_equal(chores[0].done, 1);
    assert_int_equal(chores[1].done, 0);
    assert_int_equal(chores[2].done, 1);
    assert_int_equal(loop_dispatch(&loop, -1), 0);
    assert_int_equal(chores[0].done, 2);
    deferred_cancel(&chores[0].deferred);
    assert_int_equal(loop_dispatch(&loop, 0), 0);
    assert_int_equal(chores[0].done, 2);
    loop_deinit(&loop);
}

static void on_spin_timer(struct timer *timer)
{
    (void)timer;
}

/* What is there is found at once; what is not is slept for when the time is up. */
static void test_spin(void **state)
{
    (void)state;
    struct loop loop;
    struct chore chore = {.loop = &loop};
    struct timer timer;
    assert_int_equal(loop_init(&loop), 0);
    deferred_init(&chore.deferred, on_chore);
    deferred_schedule(&loop, &chore.deferred);
    loop_spin(&loop, 1000 * NS_PER_S);
    assert_int_equal(loop_dispatch(&loop, -1), 0);
    assert_int_equal(chore.done, 1);
    assert_int_not_equal(loop.spin_until, 0);
    assert_int_equal(loop_dispatch(&loop, 0), 0); /* who does not wait does not spin */
    assert_int_equal(timer_init(&loop, &timer, on_spin_timer), 0);
    timer_arm(&timer, 5 * NS_PER_MS);
    loop_spin(&loop, NS_PER_US);
    assert_int_equal(loop_dispatch(&loop, -1), 0); /* asleep: only the timer ends it */
    assert_int_equal(loop.spin_until, 0);
    timer_deinit(&timer);
    loop_deinit(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_remove_other),  cmocka_unit_test(test_remove_self),
        cmocka_unit_test(test_replace_other), cmocka_unit_test(test_timers),
        cmocka_unit_test(test_deferred),      cmocka_unit_test(test_timer_disarmed_when_due),
        cmocka_unit_test(test_spin),
    };
    return RUN_TESTS(tests);
}
