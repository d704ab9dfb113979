/* Whether this machine can do all that studentfs asks of one, and what would mend it. */
#pragma once

#include <stdbool.h>

/* Prints a line for each check. agent: the program, or NULL. True: runs work, with all limits. */
bool doctor_examine(const char *agent);
