/* What every test program needs. cmocka's header wants the others first. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#define RUN_TESTS(tests)  cmocka_run_group_tests(tests, NULL, NULL)
#define N_ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))
