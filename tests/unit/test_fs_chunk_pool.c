/* Memory for recordings: what is kept, and what goes back. */
#include "test.h"

#include "chunk_pool.h"

#include <string.h>

#define MANY 100

static void idle(struct chunk_pool *pool)
{
    pool->timer.fn(&pool->timer);
}

static void test_kept_while_of_use(void **state)
{
    (void)state;
    struct loop loop;
    struct chunk_pool pool;
    struct chunk *chunks[MANY];
    assert_int_equal(loop_init(&loop), 0);
    assert_int_equal(chunk_pool_init(&pool, &loop, (uint64_t)MANY * CHUNK_SIZE, "/tmp"), 0);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < MANY; i++) {
            chunks[i] = chunk_pool_get(&pool);
            assert_non_null(chunks[i]);
            assert_int_equal(chunks[i]->at, -1);
            chunks[i]->memory[CHUNK_SIZE - 1] = 1;
        }
        assert_int_equal(pool.n_memory, MANY); /* the second time round they are the same */
        for (size_t i = 0; i < MANY; i++)
            chunk_pool_put(&pool, chunks[i]);
        assert_int_equal(pool.n_memory_free, MANY);
    }
    /* Used since the last look: kept; not used: all but a few go. */
    idle(&pool);
    assert_int_equal(pool.n_memory_free, MANY);
    idle(&pool);
    assert_in_range(pool.n_memory_free, 1, MANY - 1);
    assert_int_equal(pool.n_memory, pool.n_memory_free);
    size_t few = pool.n_memory_free;
    idle(&pool);
    assert_int_equal(pool.n_memory_free, few);
    chunk_pool_deinit(&pool);
    loop_deinit(&loop);
}

static void test_past_the_bound_in_a_file(void **state)
{
    (void)state;
    struct loop loop;
    struct chunk_pool pool;
    assert_int_equal(loop_init(&loop), 0);
    assert_int_equal(chunk_pool_init(&pool, &loop, CHUNK_SIZE, "/tmp"), 0);
    struct chunk *first = chunk_pool_get(&pool), *second = chunk_pool_get(&pool);
    assert_non_null(first);
    assert_non_null(second);
    assert_int_equal(first->at, -1);
    assert_int_equal(second->at, 0);
    memset(second->memory, 'x', CHUNK_SIZE);
    chunk_pool_put(&pool, second);
    assert_ptr_equal(chunk_pool_get(&pool), second);
    chunk_pool_put(&pool, second);
    chunk_pool_put(&pool, first);
    chunk_pool_put(&pool, NULL);
    chunk_pool_deinit(&pool);
    loop_deinit(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept_while_of_use),
        cmocka_unit_test(test_past_the_bound_in_a_file),
    };
    return RUN_TESTS(tests);
}
