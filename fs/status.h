/* What is going on with a run, in texts: `status` and `usage`. */
#pragma once

#include <stdio.h>

struct file_type;
struct run;

int status_show(const struct file_type *type, const struct run *run, FILE *out);
int usage_show(const struct file_type *type, const struct run *run, FILE *out);
