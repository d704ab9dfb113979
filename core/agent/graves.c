/* Control groups that are to be removed. */
#include "graves.h"

#include <stdlib.h>

#define WAIT_FIRST_NS (5 * NS_PER_MS)
#define WAIT_MAX_NS   NS_PER_S /* one that never goes costs nothing */

struct grave {
    struct list link;
    struct cgroup cgroup;
};

static void on_timer(struct timer *timer)
{
    struct graves *graves = container_of(timer, struct graves, timer);
    list_for_each_safe (item, following, &graves->list) {
        struct grave *grave = container_of(item, struct grave, link);
        if (cgroup_remove(&grave->cgroup) < 0) {
            cgroup_kill(&grave->cgroup);
            continue;
        }
        list_remove(item);
        free(grave);
    }
    if (list_is_empty(&graves->list))
        return;
    graves->wait_ns = graves->wait_ns * 2 < WAIT_MAX_NS ? graves->wait_ns * 2 : WAIT_MAX_NS;
    timer_arm(timer, graves->wait_ns);
}

int graves_init(struct graves *graves, struct loop *loop)
{
    list_init(&graves->list);
    return timer_init(loop, &graves->timer, on_timer);
}

void graves_bury(struct graves *graves, struct cgroup *cgroup)
{
    if (cgroup_remove(cgroup) == 0)
        return;
    struct grave *grave = malloc(sizeof(*grave));
    if (!grave)
        return; /* the next start of an agent removes it */
    *grave = (struct grave){.cgroup = *cgroup};
    list_append(&graves->list, &grave->link);
    graves->wait_ns = WAIT_FIRST_NS;
    timer_arm(&graves->timer, graves->wait_ns);
}

bool graves_are_empty(const struct graves *graves)
{
    return list_is_empty(&graves->list);
}

void graves_deinit(struct graves *graves)
{
    timer_deinit(&graves->timer);
    list_for_each_safe (item, following, &graves->list)
        free(container_of(item, struct grave, link));
    list_init(&graves->list);
}
