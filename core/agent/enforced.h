/*
 * Which limits are enforced: for the run as a whole, whatever it does. What is bounded for each
 * of its processes alone is not, as it may start as many as it likes.
 */
#pragma once

#include "cgroup.h"
#include "protocol/message.h"

#include <stddef.h>

/* Of enum limit_flag. With a user namespace RLIMIT_NPROC counts the sandbox's processes alone. */
unsigned enforced_limits(const struct cgroup_tree *cgroups, bool has_user_namespace);
/* What is missing and why, on one line: "memory: no control groups are mounted; ...". */
void enforced_describe_missing(const struct cgroup_tree *cgroups, bool has_user_namespace,
                               char *ret_text, size_t size);
