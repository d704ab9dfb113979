/*
 * The agent's part of the doctor: bwrap, user namespaces, its own programs, and control groups,
 * which it looks for just as an agent does that starts: it makes its tree and removes it.
 */
#include "doctor.h"

#include "base/finding.h"
#include "base/process.h"
#include "cgroup.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* --disable-userns and --size came with it. */
#define BWRAP_MAJOR 0
#define BWRAP_MINOR 8

#define INSTALL_NEWER_BWRAP                                                                        \
    "apt-get install bubblewrap of a newer release (Debian 12, Ubuntu 24.04), or build it: "       \
    "https://github.com/containers/bubblewrap"

/* --- bwrap --- */

/* Its first line, without the newline; empty: it cannot be executed. */
static void ask_version(char *ret_line, size_t size)
{
    FILE *pipe = popen("exec bwrap --version 2> /dev/null", "re");
    if (!pipe || !fgets(ret_line, (int)size, pipe))
        *ret_line = 0;
    ret_line[strcspn(ret_line, "\n")] = 0;
    if (pipe)
        pclose(pipe);
}

static enum finding look_at_bwrap(void)
{
    char line[64], what[96], why[96];
    int major, minor;
    if (!process_is_in_path("bwrap"))
        return finding_say(FINDING_MISSING, "bwrap", "it is not in PATH",
                           "apt-get install bubblewrap");
    ask_version(line, sizeof(line));
    if (sscanf(line, "bubblewrap %d.%d", &major, &minor) != 2)
        return finding_say(FINDING_MISSING, "bwrap", "`bwrap --version` does not tell its version",
                           "apt-get install --reinstall bubblewrap");
    snprintf(what, sizeof(what), "bwrap, %s", line);
    snprintf(why, sizeof(why), "older than %d.%d", BWRAP_MAJOR, BWRAP_MINOR);
    bool is_old = major < BWRAP_MAJOR || (major == BWRAP_MAJOR && minor < BWRAP_MINOR);
    return finding_say(is_old ? FINDING_MISSING : FINDING_OK, what, why, INSTALL_NEWER_BWRAP);
}

/* --- user namespaces --- */

/* With capabilities in it: AppArmor lets some make one that is worth nothing. */
static bool may_have_user_namespace(void)
{
    int status = -1;
    pid_t pid = fork();
    if (pid == 0)
        _exit(unshare(CLONE_NEWUSER) == 0 && unshare(CLONE_NEWNS) == 0 ? EXIT_SUCCESS
                                                                       : EXIT_FAILURE);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status == 0;
}

/* Whether the kernel's setting is there and has that number. */
static bool is_set_to(const char *path, long number)
{
    long found;
    FILE *file = fopen(path, "re");
    bool is_set = file && fscanf(file, "%ld", &found) == 1 && found == number;
    if (file)
        fclose(file);
    return is_set;
}

static enum finding look_at_user_namespaces(void)
{
    static const struct {
        const char *path;
        long number;
        const char *why, *mend;
    } settings[] = {
        {"/proc/sys/user/max_user_namespaces", 0,
         "there may be none: user.max_user_namespaces is 0",
         "sysctl -w user.max_user_namespaces=15000"},
        {"/proc/sys/kernel/unprivileged_userns_clone", 0, "for root alone",
         "sysctl -w kernel.unprivileged_userns_clone=1"},
        {"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 1, "AppArmor restricts them",
         "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"},
    };
    bool is_root = geteuid() == 0;
    const char *what = is_root ? "user namespaces, for students who are to be root"
                               : "user namespaces, for every run of an ordinary user's";
    enum finding bad = is_root ? FINDING_LIMITED : FINDING_MISSING;
    if (may_have_user_namespace())
        return finding_say(FINDING_OK, what, "", "");
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        if (is_set_to(settings[i].path, settings[i].number))
            return finding_say(bad, what, settings[i].why, settings[i].mend);
    return finding_say(
        bad, what, "the kernel, or this container, forbids unshare(2)",
        "for a container, start it with a seccomp profile that allows unshare, or as "
        "root without chroot(2)");
}

/* --- our own programs --- */

static enum finding look_at_program(const char *name, const char *use, const char *given,
                                    const char *option, enum finding bad)
{
    char beside[64], elsewhere[64], path[PATH_MAX], what[PATH_MAX + 64], mend[128];
    const char *const places[] = {beside, elsewhere};
    snprintf(beside, sizeof(beside), "%s", name);
    snprintf(elsewhere, sizeof(elsewhere), "../libexec/studentfs/%s", name);
    int r = given ? access(given, X_OK) < 0 ? -errno : 0
                  : process_find_program(places, 2, path, sizeof(path));
    snprintf(what, sizeof(what), "%s%s", name, use);
    snprintf(mend, sizeof(mend), "apt-get install --reinstall studentfs, or give its path with %s",
             option);
    return finding_say(r < 0 ? bad : FINDING_OK, what, r < 0 ? strerror(-r) : "", mend);
}

/* --- control groups --- */

static enum finding look_at_controller(const struct cgroup_tree *tree, enum controller controller)
{
    static const char *const names[CONTROLLER_COUNT] = {
        [CONTROLLER_MEMORY] = "memory", [CONTROLLER_PIDS] = "processes", [CONTROLLER_CPU] = "cpu"};
    static const char *const layouts[CGROUP_LAYOUTS] = {[CGROUP_V1] = "v1", [CGROUP_V2] = "v2"};
    char what[PATH_MAX];
    const struct cgroup_lack *lack = &tree->lacks[controller];
    int n = snprintf(what, sizeof(what), "control group for %s", names[controller]);
    if (!cgroup_tree_has(tree, controller))
        return finding_say(FINDING_LIMITED, what, lack->why, lack->mend);
    const struct hierarchy *hierarchy = &tree->hierarchies[tree->of[controller]];
    snprintf(what + n, sizeof(what) - (size_t)n, ", %s, below %s", layouts[hierarchy->layout],
             hierarchy->parent);
    return finding_say(FINDING_OK, what, "", "");
}

static enum finding look_at_control_groups(void)
{
    struct cgroup_tree tree;
    enum finding worst = FINDING_OK;
    int r = cgroup_tree_init(&tree);
    if (r < 0)
        return finding_say(FINDING_LIMITED, "control groups", strerror(-r),
                           "mount -t proc none /proc");
    for (unsigned i = 0; i < CONTROLLER_COUNT; i++)
        worst = finding_worse(worst, look_at_controller(&tree, (enum controller)i));
    cgroup_tree_deinit(&tree);
    return worst;
}

int doctor_examine(const struct options *options)
{
    enum finding worst = look_at_bwrap();
    worst = finding_worse(worst, look_at_user_namespaces());
    worst = finding_worse(
        worst, look_at_program("student-init", "", options->init, "--init", FINDING_MISSING));
    worst = finding_worse(worst,
                          look_at_program("studentfs-ssh", ", for runs with ssh",
                                          options->ssh.program, "--ssh-server", FINDING_LIMITED));
    return (int)finding_worse(worst, look_at_control_groups());
}
