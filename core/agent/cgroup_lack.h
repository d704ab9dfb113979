/* Why a control group's controller cannot be used, and what would mend it. */
#pragma once

#include "cgroup.h"

/*
 * error: what using the controller of that name in the directory met, a negative errno as
 * cgroup_find() gives it. The command is for whoever this process runs as, with sudo where that is
 * not enough.
 */
void cgroup_lack_explain(struct cgroup_lack *ret_lack, int error, const char *directory,
                         const char *name);
