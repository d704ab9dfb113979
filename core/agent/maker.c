/* What makes a sandbox. */
#include "maker.h"

#include "base/cleanup.h"
#include "bwrap.h"
#include "environment.h"
#include "filter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>

static int make_memfd(const char *name, const char *text)
{
    _cleanup_close_ int fd = memfd_create(name, MFD_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        return -errno;
    return fd_steal(&fd);
}

int maker_init(struct maker *maker, const char *init, const char *student, uint64_t tmp_size)
{
    *maker = (struct maker){.init = init,
                            .student = student,
                            .is_root = geteuid() == 0,
                            .tmp_size = tmp_size,
                            .data = {-1, -1, -1}};
    int r = filter_new(&maker->data[SPAWN_FILTER]);
    if (r < 0)
        return r;
    maker->data[SPAWN_PASSWD] = make_memfd("passwd", STUDENT_PASSWD);
    maker->data[SPAWN_GROUP] = make_memfd("group", STUDENT_GROUP);
    return maker->data[SPAWN_PASSWD] < 0  ? maker->data[SPAWN_PASSWD]
           : maker->data[SPAWN_GROUP] < 0 ? maker->data[SPAWN_GROUP]
                                          : 0;
}

void maker_deinit(struct maker *maker)
{
    for (size_t i = 0; i < sizeof(maker->data) / sizeof(maker->data[0]); i++)
        fd_clear(&maker->data[i]);
}

bool maker_has_user_namespace(const struct maker *maker, const struct sandbox_kind *kind)
{
    return !maker->is_root || kind->run_as_root;
}

/* A copy of the mount that is there, detached: it can be attached in another mount namespace. */
static int open_place(const char *path, int flags, int *ret_fd)
{
    int fd = open_tree(AT_FDCWD, path,
                       OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | (unsigned)flags);
    if (fd < 0)
        return -errno;
    *ret_fd = fd;
    return 0;
}

/* bwrap is to be an ordinary user, who has its own way to these. */
static int set_apart(const struct maker *maker, struct bwrap_plan *plan, struct spawn *spawn)
{
    spawn->uid = STUDENT_ID;
    int r = open_place(maker->init, 0, &spawn->places[SPAWN_INIT]);
    plan->init = SPAWN_PLACE_INIT;
    if (plan->root && r == 0)
        r = open_place(plan->root, 0, &spawn->places[SPAWN_ROOT]);
    plan->root_inside = SPAWN_PLACE_ROOT;
    if (!plan->student || r < 0)
        return r;
    plan->student = SPAWN_PLACE_STUDENT;
    return open_place(maker->student, AT_SYMLINK_NOFOLLOW, &spawn->places[SPAWN_STUDENT]);
}

int maker_prepare(const struct maker *maker, const struct sandbox_kind *kind, bool has_student,
                  struct spawn *ret_spawn)
{
    struct bwrap_plan plan = {.init = maker->init,
                              .student = has_student ? maker->student : NULL,
                              .root = kind->environment ? kind->environment->root : NULL,
                              .share_network = kind->share_network,
                              .user_namespace = maker_has_user_namespace(maker, kind),
                              .run_as_root = kind->run_as_root,
                              .tmp_size = maker->tmp_size};
    *ret_spawn = (struct spawn){.control = -1, .log = -1, .birthplace = -1, .places = {-1, -1, -1}};
    memcpy(ret_spawn->data, maker->data, sizeof(maker->data));
    int r = maker->is_root && kind->run_as_root ? set_apart(maker, &plan, ret_spawn) : 0;
    return r < 0 ? r : bwrap_arguments(&plan, &ret_spawn->arguments, &ret_spawn->size);
}

void maker_release(struct spawn *spawn)
{
    for (int i = 0; i < SPAWN_PLACE_COUNT; i++)
        fd_clear(&spawn->places[i]);
    free(spawn->arguments);
    spawn->arguments = NULL;
}
