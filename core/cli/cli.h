/* run_student(1) and ssh_student(1), but for their names. */
#pragma once

#include "options.h"

/* The whole program: returns its exit status. */
int cli_main(enum cli cli, int argc, char **argv);
