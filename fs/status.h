/* What is going on with a run, in texts: `status` and `usage`. */
#pragma once

#include "run.h"

#include <stdio.h>

struct file_type;

const char *run_state_name(enum run_state state);

int status_show(const struct file_type *type, const struct run *run, FILE *out);
int usage_show(const struct file_type *type, const struct run *run, FILE *out);
