/* How many sandboxes are kept prepared. */
#include "test.h"

#include "demand.h"

static void test_follows_what_was_in_use(void **state)
{
    (void)state;
    struct demand demand;
    demand_init(&demand, 4, 64);
    assert_int_equal(demand_target(&demand, 0), 4);
    demand_note(&demand, 3);
    assert_int_equal(demand_target(&demand, 0), 4);
    demand_note(&demand, 50);
    demand_note(&demand, 1);
    assert_int_equal(demand_target(&demand, 50), 4); /* not while they run */
    assert_int_equal(demand_target(&demand, 5), 4);
    assert_int_equal(demand_target(&demand, 4), 50);
    assert_int_equal(demand_target(&demand, 0), 50);
    demand_note(&demand, 1000);
    assert_int_equal(demand_target(&demand, 0), 64);
}

static void test_forgets(void **state)
{
    (void)state;
    struct demand demand;
    demand_init(&demand, 4, 64);
    demand_note(&demand, 40);
    assert_true(demand_decay(&demand)); /* reached since the last time */
    assert_int_equal(demand_target(&demand, 0), 40);
    assert_true(demand_decay(&demand));
    assert_int_equal(demand_target(&demand, 0), 20);
    demand_note(&demand, 30);
    assert_true(demand_decay(&demand));
    assert_int_equal(demand_target(&demand, 0), 30);
    for (int i = 0; i < 3; i++)
        demand_decay(&demand);
    assert_false(demand_decay(&demand));
    assert_int_equal(demand_target(&demand, 0), 4);
}

static void test_bounds(void **state)
{
    (void)state;
    struct demand demand;
    demand_init(&demand, 0, 64); /* none asked for: none ever */
    demand_note(&demand, 50);
    assert_int_equal(demand_target(&demand, 0), 0);
    demand_init(&demand, 100, 64);
    assert_int_equal(demand_target(&demand, 0), 100);
    demand_note(&demand, 500);
    assert_int_equal(demand_target(&demand, 0), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_follows_what_was_in_use),
        cmocka_unit_test(test_forgets),
        cmocka_unit_test(test_bounds),
    };
    return RUN_TESTS(tests);
}
