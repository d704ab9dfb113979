/* studentfs-top's table: what a line of `runs` is, and the order. */
#include "table.h"
#include "test.h"

#include <errno.h>
#include <string.h>

static const char runs[] =
    "NAME            STATE    RETVAL       CPU      WALL    MEMORY COMMAND\n"
    "t1              ended         3     0.500    12.000      9.5M sh -c 'exit 3'\n"
    "a long name of more than 18 running       -         -     3.250         - sleep 100\n"
    "t3              new           -         -         -         - \n"
    "nothing of the kind\n"
    "\n"
    "running         ended         0     9.000    10.000     10.0M echo running  twice\n"
    "torn            running       -";

static struct table read_runs(void)
{
    struct table table;
    assert_int_equal(table_take(&table, strdup(runs)), 0);
    return table;
}

static void assert_order(struct table *table, enum column column, bool reversed, const char *order)
{
    char got[16] = "";
    table_sort(table, column, reversed);
    for (size_t i = 0; i < table->n_rows; i++)
        got[i] = (char)('0' + table->rows[i].serial);
    assert_string_equal(got, order);
}

static void test_rows(void **state)
{
    (void)state;
    struct table table = read_runs();
    assert_int_equal(table.n_rows, 4);
    assert_int_equal(table.n_running, 1);
    const char *const *first = table.rows[0].fields, *const *second = table.rows[1].fields;
    assert_string_equal(first[COLUMN_NAME], "t1");
    assert_string_equal(first[COLUMN_RETVAL], "3");
    assert_string_equal(first[COLUMN_CPU], "0.500");
    assert_string_equal(first[COLUMN_MEMORY], "9.5M");
    assert_string_equal(first[COLUMN_COMMAND], "sh -c 'exit 3'");
    assert_string_equal(second[COLUMN_NAME], "a long name of more than 18");
    assert_string_equal(second[COLUMN_STATE], "running");
    assert_string_equal(second[COLUMN_WALL], "3.250");
    assert_string_equal(table.rows[2].fields[COLUMN_COMMAND], "");
    /* A run may be called as a state is. */
    assert_string_equal(table.rows[3].fields[COLUMN_NAME], "running");
    assert_string_equal(table.rows[3].fields[COLUMN_COMMAND], "echo running  twice");
    table_deinit(&table);
}

static void test_order(void **state)
{
    (void)state;
    struct table table = read_runs();
    assert_order(&table, COLUMN_CPU, false, "3012");
    assert_order(&table, COLUMN_CPU, true, "2103");
    assert_order(&table, COLUMN_MEMORY, false, "3012");
    assert_order(&table, COLUMN_NAME, false, "1302");
    assert_order(&table, COLUMN_STATE, false, "0321");
    assert_order(&table, COLUMN_NONE, false, "0123");
    assert_order(&table, COLUMN_NONE, true, "3210");
    table_deinit(&table);
}

static void test_keep(void **state)
{
    (void)state;
    char *names[] = {"running", "t1", "t9"};
    struct table table = read_runs();
    table_keep(&table, names, 0);
    assert_int_equal(table.n_rows, 4);
    table_keep(&table, names, 3);
    assert_order(&table, COLUMN_NONE, false, "03");
    assert_int_equal(table.n_running, 0);
    table_deinit(&table);
}

static void test_nothing(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "\n", "NAME", " running - - - - x\n", "x\n running - - - - x\n", "x\nt running\n"};
    for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
        struct table table;
        assert_int_equal(table_take(&table, strdup(texts[i])), 0);
        assert_int_equal(table.n_rows, 0);
        table_sort(&table, COLUMN_CPU, false);
        table_deinit(&table);
    }
}

static void test_names_of_columns(void **state)
{
    (void)state;
    assert_int_equal(column_of_name("memory"), COLUMN_MEMORY);
    assert_int_equal(column_of_name("name"), COLUMN_NAME);
    assert_int_equal(column_of_name("serial"), COLUMN_NONE);
    assert_int_equal(column_of_name(""), COLUMN_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_order),
                                       cmocka_unit_test(test_keep), cmocka_unit_test(test_nothing),
                                       cmocka_unit_test(test_names_of_columns)};
    return RUN_TESTS(tests);
}
