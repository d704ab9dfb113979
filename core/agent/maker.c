/* What makes a sandbox. */
#include "maker.h"

#include "base/cleanup.h"
#include "bwrap.h"
#include "environment.h"
#include "filter.h"
#include "system_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
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

int maker_init(struct maker *maker, const char *init, const char *student, const char *system_files,
               uint64_t tmp_size, bool has_machine_root)
{
    *maker = (struct maker){.init = init,
                            .student = student,
                            .system_files = system_files,
                            .is_root = geteuid() == 0,
                            .has_machine_root = has_machine_root,
                            .tmp_size = tmp_size,
                            .data = MAKER_NO_DATA};
    int r = filter_new(&maker->data[SPAWN_FILTER]);
    if (r < 0)
        return r;
    static const struct {
        enum spawn_data data;
        const char *name, *text;
    } files[] = {{SPAWN_PASSWD, "passwd", STUDENT_PASSWD},
                 {SPAWN_GROUP, "group", STUDENT_GROUP},
                 {SPAWN_HOSTS, "hosts", ""},
                 {SPAWN_RESOLV, "resolv.conf", ""}};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        int fd = maker->data[files[i].data] = make_memfd(files[i].name, files[i].text);
        if (fd < 0)
            return fd;
    }
    return 0;
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

/* With something of their own in /etc, or a bwrap that is not root, it does not serve. */
static bool may_use_machine_root(const struct maker *maker, const struct sandbox_kind *kind,
                                 bool has_system_files)
{
    return maker->has_machine_root && !kind->environment && !kind->share_network &&
           !kind->run_as_root && !has_system_files;
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
    if (plan->system_files && r == 0)
        r = open_place(maker->system_files, AT_SYMLINK_NOFOLLOW,
                       &spawn->places[SPAWN_SYSTEM_FILES]);
    if (plan->system_files)
        plan->system_files = SPAWN_PLACE_SYSTEM_FILES;
    if (!plan->student || r < 0)
        return r;
    plan->student = SPAWN_PLACE_STUDENT;
    return open_place(maker->student, AT_SYMLINK_NOFOLLOW, &spawn->places[SPAWN_STUDENT]);
}

static int add_system_files(const struct maker *maker, const struct bwrap_plan *plan,
                            struct spawn *spawn, char *ret_reason, size_t size)
{
    int fds[SYSTEM_FILE_COUNT];
    if (!plan->system_files)
        return 0;
    int r = system_files_open(maker->system_files, plan->share_network, fds, ret_reason, size);
    if (r < 0)
        return r;
    spawn->data[SPAWN_HOSTS] = fds[SYSTEM_HOSTS];
    spawn->data[SPAWN_RESOLV] = fds[SYSTEM_RESOLV];
    spawn->has_system_files = true;
    return 0;
}

int maker_prepare(const struct maker *maker, const struct sandbox_kind *kind, bool has_student,
                  struct spawn *ret_spawn, char *ret_reason, size_t size)
{
    bool has_system_files = system_files_are_there(maker->system_files);
    struct bwrap_plan plan = {.init = maker->init,
                              .student = has_student ? maker->student : NULL,
                              .system_files = has_system_files ? maker->system_files : NULL,
                              .root = kind->environment ? kind->environment->root : NULL,
                              .machine_root = may_use_machine_root(maker, kind, has_system_files),
                              .share_network = kind->share_network,
                              .user_namespace = maker_has_user_namespace(maker, kind),
                              .run_as_root = kind->run_as_root,
                              .tmp_size = maker->tmp_size};
    *ret_spawn = (struct spawn){.control = -1,
                                .log = -1,
                                .birthplace = -1,
                                .machine_root = plan.machine_root,
                                .places = {-1, -1, -1, -1}};
    memcpy(ret_spawn->data, maker->data, sizeof(maker->data));
    int r = add_system_files(maker, &plan, ret_spawn, ret_reason, size);
    if (r < 0)
        return r;
    r = maker->is_root && kind->run_as_root ? set_apart(maker, &plan, ret_spawn) : 0;
    if (r == 0)
        r = bwrap_arguments(&plan, &ret_spawn->arguments, &ret_spawn->size);
    if (r < 0)
        snprintf(ret_reason, size, "%s", strerror(-r));
    return r;
}

void maker_release(struct spawn *spawn)
{
    for (int i = 0; i < SPAWN_PLACE_COUNT; i++)
        fd_clear(&spawn->places[i]);
    if (spawn->has_system_files) {
        close(spawn->data[SPAWN_HOSTS]);
        close(spawn->data[SPAWN_RESOLV]);
        spawn->has_system_files = false;
    }
    free(spawn->arguments);
    spawn->arguments = NULL;
}
