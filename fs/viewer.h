/* Who looks at what tells of many runs at once, and which of them he may see there. */
#pragma once

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <sys/types.h>

/* Supplementary groups beyond these are not looked at: he then sees less, never more. */
#define VIEWER_GROUPS_MAX 64

struct viewer {
    uid_t uid;
    gid_t gid;
    int n_groups;
    gid_t groups[VIEWER_GROUPS_MAX];
};

/* Whoever makes the request. */
void viewer_of(fuse_req_t request, struct viewer *ret_viewer);
/* Whether that owner, group and mode of a directory let him read it. */
bool viewer_may_see(const struct viewer *viewer, uid_t uid, gid_t gid, mode_t mode);
/* Whether they let him change what is in it. */
bool viewer_may_change(const struct viewer *viewer, uid_t uid, gid_t gid, mode_t mode);
