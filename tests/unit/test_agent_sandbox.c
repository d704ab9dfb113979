/* A sandbox's start, with the spawner and init played here: who speaks first does not matter. */
#include "sandbox.h"

#include "base/fdpass.h"
#include "test.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define ROUND_MS 5000 /* to fail, not to wait */

struct fixture {
    struct loop loop;
    struct spawner spawner;
    struct sandbox sandbox;
    int other_end; /* the spawner's */
    int control;   /* the sandbox's own end */
    pid_t init, maker;
    unsigned n_ready, n_ended;
};

static struct fixture *fixture_of(struct sandbox *sandbox)
{
    return container_of(sandbox, struct fixture, sandbox);
}

static void on_sandbox(struct sandbox *sandbox, enum sandbox_event event,
                       const struct message *message)
{
    (void)message;
    fixture_of(sandbox)->n_ready += event == SANDBOX_IS_READY;
    fixture_of(sandbox)->n_ended += event == SANDBOX_HAS_ENDED;
}

/* Takes the question to the spawner: the sandbox's ends are in it. */
static void take_question(struct fixture *f)
{
    char words[64];
    int fds[FDPASS_MAX];
    size_t n_fds;
    assert_true(fdpass_receive(f->other_end, words, sizeof(words), fds, FDPASS_MAX, &n_fds, NULL) >
                0);
    assert_int_equal(n_fds, 2 + SPAWN_DATA_COUNT);
    f->control = fds[0];
    for (size_t i = 1; i < n_fds; i++)
        close(fds[i]);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct cgroup none = {0};
    int pair[2];
    char program[] = "bwrap";
    assert_non_null(f);
    assert_int_equal(loop_init(&f->loop), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    f->spawner = (struct spawner){.socket = pair[0], .pidfd = -1};
    f->other_end = pair[1];
    struct spawn spawn = {.arguments = program, .size = sizeof(program)};
    assert_int_equal(sandbox_init(&f->sandbox, &f->loop, &f->spawner, &none, &spawn, on_sandbox),
                     0);
    take_question(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    const pid_t pids[] = {f->init, f->maker};
    for (size_t i = 0; i < N_ELEMENTS(pids); i++) {
        if (pids[i] > 0) {
            kill(pids[i], SIGKILL);
            waitpid(pids[i], NULL, 0);
        }
    }
    sandbox_deinit(&f->sandbox);
    close(f->control);
    close(f->other_end);
    close(f->spawner.socket);
    loop_deinit(&f->loop);
    free(f);
    return 0;
}

static pid_t wait_for_ever(void)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        for (;;)
            pause();
    return pid;
}

static void init_says_ready(struct fixture *f)
{
    const struct message ready = {.type = MESSAGE_INIT_READY};
    char *data;
    size_t size;
    assert_int_equal(message_encode(&ready, &data, &size), 0);
    f->init = fork();
    assert_true(f->init >= 0);
    if (f->init == 0) {
        if (fdpass_send(f->control, data, size, NULL, 0) < 0)
            _exit(EXIT_FAILURE);
        for (;;)
            pause();
    }
    free(data);
    assert_int_equal(loop_dispatch(&f->loop, ROUND_MS), 0);
}

static void spawner_answers(struct fixture *f)
{
    f->maker = wait_for_ever();
    int pidfd = pidfd_open(f->maker, 0);
    assert_true(pidfd >= 0);
    sandbox_spawned(&f->sandbox, pidfd);
}

static void test_spawner_first(void **state)
{
    struct fixture *f = *state;
    spawner_answers(f);
    assert_int_equal(f->sandbox.state, SANDBOX_STARTING);
    init_says_ready(f);
    assert_int_equal(f->sandbox.state, SANDBOX_READY);
    assert_int_equal(f->n_ready, 1);
}

static void test_init_first(void **state)
{
    struct fixture *f = *state;
    init_says_ready(f);
    assert_int_equal(f->n_ready, 0);
    spawner_answers(f);
    assert_int_equal(f->sandbox.state, SANDBOX_READY);
    assert_int_equal(f->n_ready, 1);
}

static void test_killed_before_anything_is_known(void **state)
{
    struct fixture *f = *state;
    siginfo_t info = {0};
    sandbox_kill(&f->sandbox);
    spawner_answers(f);
    assert_int_equal(waitid(P_PID, (id_t)f->maker, &info, WEXITED), 0);
    f->maker = 0;
    assert_int_equal(info.si_status, SIGKILL);
    while (f->n_ended == 0)
        assert_int_equal(loop_dispatch(&f->loop, ROUND_MS), 0);
    assert_int_equal(f->sandbox.state, SANDBOX_GONE);
    assert_int_equal(f->n_ready, 0);
}

static void test_killed_with_init_ready_first(void **state)
{
    struct fixture *f = *state;
    siginfo_t info = {0};
    init_says_ready(f);
    sandbox_kill(&f->sandbox);
    spawner_answers(f);
    assert_int_equal(waitid(P_PID, (id_t)f->init, &info, WEXITED), 0);
    f->init = 0;
    assert_int_equal(info.si_status, SIGKILL);
    assert_int_equal(f->n_ready, 0);
}

static void test_not_spawned(void **state)
{
    struct fixture *f = *state;
    sandbox_spawned(&f->sandbox, -EAGAIN);
    assert_int_equal(f->n_ended, 1);
    assert_int_equal(f->sandbox.state, SANDBOX_GONE);
    assert_string_equal(sandbox_last_words(&f->sandbox), "the spawner could not start it");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_spawner_first),
        TEST(test_init_first),
        TEST(test_killed_before_anything_is_known),
        TEST(test_killed_with_init_ready_first),
        TEST(test_not_spawned),
    };
    return RUN_TESTS(tests);
}
