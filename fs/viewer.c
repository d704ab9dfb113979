/* Who looks: see viewer.h. */
#include "viewer.h"

void viewer_of(fuse_req_t request, struct viewer *ret_viewer)
{
    const struct fuse_ctx *who = fuse_req_ctx(request);
    ret_viewer->uid = who->uid;
    ret_viewer->gid = who->gid;
    /* From /proc: where that cannot be read there are none. */
    int n = fuse_req_getgroups(request, VIEWER_GROUPS_MAX, ret_viewer->groups);
    ret_viewer->n_groups = n < 0 ? 0 : n < VIEWER_GROUPS_MAX ? n : VIEWER_GROUPS_MAX;
}

static bool is_in_group(const struct viewer *viewer, gid_t gid)
{
    for (int i = 0; i < viewer->n_groups; i++)
        if (viewer->groups[i] == gid)
            return true;
    return viewer->gid == gid;
}

/* what: of the three bits that others have. */
static bool may(const struct viewer *viewer, uid_t uid, gid_t gid, mode_t mode, mode_t what)
{
    if (viewer->uid == 0 || viewer->uid == uid)
        return true;
    return mode & (is_in_group(viewer, gid) ? what << 3 : what);
}

bool viewer_may_see(const struct viewer *viewer, uid_t uid, gid_t gid, mode_t mode)
{
    return may(viewer, uid, gid, mode, 04);
}

bool viewer_may_change(const struct viewer *viewer, uid_t uid, gid_t gid, mode_t mode)
{
    return may(viewer, uid, gid, mode, 02);
}
