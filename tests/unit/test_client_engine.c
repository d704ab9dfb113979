/* How many runs an engine takes. */
#include "test.h"

#include "studentrun.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRIES 16

static void on_started(struct studentrun *run, const char *container_id, void *userdata)
{
    (void)run, (void)container_id, (void)userdata;
}

static void on_handed_over(struct studentrun *run, void *userdata)
{
    (void)run, (void)userdata;
}

static void on_ended(struct studentrun *run, const struct studentrun_result *result, void *userdata)
{
    (void)run, (void)result, (void)userdata;
}

/* Starts runs, for a router that never comes, until one is refused. Returns how many there were. */
static int fill(struct studentrun_engine *engine, struct studentrun **runs, int *ret_error)
{
    static const struct studentrun_events events = {
        .started = on_started, .handed_over = on_handed_over, .ended = on_ended};
    const struct studentrun_request request = {.command = "true", .fds = {-1, -1, -1}};
    int n = 0;
    *ret_error = 0;
    while (n < TRIES && *ret_error == 0) {
        *ret_error = studentrun_start(engine, &request, &events, NULL, &runs[n]);
        n += *ret_error == 0;
    }
    return n;
}

static int runs_of(uint32_t max_runs, int *ret_error)
{
    char dir[] = "/tmp/studentfs-test-XXXXXX";
    struct studentrun *runs[TRIES];
    struct studentrun_engine *engine;
    assert_non_null(mkdtemp(dir));
    const struct studentrun_options options = {.sockets_dir = dir, .max_runs = max_runs};
    assert_int_equal(studentrun_engine_new(&options, &engine), 0);
    int n = fill(engine, runs, ret_error);
    for (int i = 0; i < n; i++)
        studentrun_free(runs[i]);
    studentrun_engine_free(engine);
    assert_int_equal(rmdir(dir), 0); /* nothing is left in it */
    return n;
}

static void an_engine_for_few_refuses_more(void **state)
{
    (void)state;
    int error;
    assert_in_range(runs_of(1, &error), 1, TRIES - 1);
    assert_int_equal(error, -EMFILE);
}

static void others_take_what_comes(void **state)
{
    (void)state;
    int error;
    assert_int_equal(runs_of(0, &error), TRIES);
    assert_int_equal(error, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_engine_for_few_refuses_more),
        cmocka_unit_test(others_take_what_comes),
    };
    return RUN_TESTS(tests);
}
