/* The sandbox of an ssh server. */
#include "ssh_sandbox.h"

#include "spawner.h"
#include "ssh.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS(out, ...) add_words(out, (const char *const[]){__VA_ARGS__, NULL})

static void add_words(FILE *out, const char *const *words)
{
    for (; *words; words++)
        fwrite(*words, 1, strlen(*words) + 1, out);
}

/* What the program needs to start, also where /lib is no link into /usr. */
static void add_libraries(FILE *out)
{
    static const char *const places[] = {"/usr/lib", "/usr/lib64", "/lib", "/lib64",
                                         "/etc/ld.so.cache"};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        WORDS(out, "--ro-bind-try", places[i], places[i]);
}

int ssh_sandbox_arguments(const char *program, bool is_root, char **ret_words, size_t *ret_size)
{
    char id[16], filter[16];
    FILE *out = open_memstream(ret_words, ret_size);
    if (!out)
        return -errno;
    snprintf(id, sizeof(id), "%d", SSH_ID);
    snprintf(filter, sizeof(filter), "%d", SPAWN_DATA_FD(SPAWN_FILTER));
    WORDS(out, "bwrap", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-net",
          "--unshare-cgroup-try", "--hostname", "ssh");
    if (!is_root)
        WORDS(out, "--unshare-user", "--disable-userns", "--uid", id, "--gid", id);
    add_libraries(out);
    WORDS(out, "--proc", "/proc", "--dev", "/dev", "--ro-bind", program, "/studentfs-ssh",
          "--remount-ro", "/", "--remount-ro", "/dev", "--new-session", "--die-with-parent",
          "--as-pid-1", "--clearenv", "--chdir", "/", "--cap-drop", "ALL");
    if (is_root)
        WORDS(out, "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID");
    WORDS(out, "--seccomp", filter, "--", "/studentfs-ssh");
    if (is_root)
        WORDS(out, id);
    bool failed = ferror(out) != 0;
    if (fclose(out) != 0 || failed) {
        free(*ret_words);
        return -ENOMEM;
    }
    return 0;
}
