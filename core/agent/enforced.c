/* Which limits are enforced. */
#include "enforced.h"

#include <stdio.h>

/* What each controller bounds. */
static const enum limit_flag limits[CONTROLLER_COUNT] = {[CONTROLLER_MEMORY] = LIMIT_MEMORY,
                                                         [CONTROLLER_PIDS] = LIMIT_PROCESSES,
                                                         [CONTROLLER_CPU] = LIMIT_CPU};

unsigned enforced_limits(const struct cgroup_tree *cgroups, bool has_user_namespace)
{
    unsigned flags = LIMIT_WALL | (has_user_namespace ? LIMIT_PROCESSES : 0);
    for (unsigned i = 0; i < CONTROLLER_COUNT; i++)
        if (cgroup_tree_has(cgroups, (enum controller)i))
            flags |= limits[i];
    return flags;
}

void enforced_describe_missing(const struct cgroup_tree *cgroups, bool has_user_namespace,
                               char *ret_text, size_t size)
{
    unsigned enforced = enforced_limits(cgroups, has_user_namespace);
    size_t used = 0;
    *ret_text = 0;
    for (unsigned i = 0; i < CONTROLLER_COUNT && used < size; i++)
        if (!(enforced & limits[i]))
            used += (size_t)snprintf(ret_text + used, size - used, "%s%s: %s", used ? "; " : "",
                                     limit_name(limits[i]), cgroups->lacks[i].why);
}
