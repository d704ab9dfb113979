/* Files that are too many, too long, or not what they seem; for the grader or the agent to fall
 * for. */
#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Without end, in directories of a thousand. */
static int do_many_files(const char *argument)
{
    char path[128];
    for (long n = 0;; n++) {
        if (n % 1000 == 0) {
            snprintf(path, sizeof(path), "%s/%ld", argument, n / 1000);
            if (mkdir(path, 0755) < 0)
                break;
        }
        snprintf(path, sizeof(path), "%s/%ld/%ld", argument, n / 1000, n % 1000);
        int fd = open(path, O_CREAT | O_WRONLY, 0644);
        if (fd < 0)
            break;
        close(fd);
    }
    tell("many_files", -1);
    return 0;
}

/* Directories in each other, deeper than any path says. */
static int do_deep(const char *argument)
{
    long n = 0;
    if (chdir(argument) < 0)
        return 9;
    while (n < 5000 && mkdir("d", 0755) == 0 && chdir("d") == 0)
        n++;
    printf("%ld\n", n);
    return 0;
}

/* Names of 255 bytes, of a newline, of what looks like an option or like another file. */
static int do_names(const char *argument)
{
    static char longest[256];
    static const char *const names[] = {"new\nline", "-rf",      " ",       "\t", "\\",   "'", "\"",
                                        "$(reboot)", "\xff\xfe", "\x1b[2J", "*",  longest};
    if (chdir(argument) < 0)
        return 9;
    memset(longest, 'n', 255);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        tell("name", open(names[i], O_CREAT | O_WRONLY, 0644));
    return 0;
}

/* In the working directory, under the names that somebody may open. */
static int do_traps(const char *argument)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
    tell("link", symlink(argument, "scripts"));
    tell("link_to_proc", symlink("/proc/self/root", "proc"));
    tell("link_to_itself", symlink("loop", "loop"));
    tell("hard_link", link("/etc/passwd", "passwd"));
    tell("hard_link_to_init", link("/student-init", "init"));
    tell("fifo", mkfifo("fifo", 0666));
    tell("device", mknod("null", S_IFCHR | 0666, 0x103));
    tell("disk", mknod("disk", S_IFBLK | 0666, 0x800));
    tell("socket",
         bind(socket(AF_UNIX, SOCK_STREAM, 0), (const struct sockaddr *)&address, sizeof(address)));
    return 0;
}

/* Each path of the argument, a line each: opened for reading, or for writing with "w:" before it.
 */
static int do_open(const char *argument)
{
    char *paths = strdup(argument), *rest = paths;
    for (char *path; (path = strsep(&rest, " "));)
        tell(path, open(strncmp(path, "w:", 2) == 0 ? path + 2 : path,
                        strncmp(path, "w:", 2) == 0 ? O_WRONLY | O_CREAT : O_RDONLY, 0644));
    free(paths);
    return 0;
}

const struct attack file_attacks[] = {
    {"many_files", do_many_files}, {"deep", do_deep}, {"names", do_names},
    {"traps", do_traps},           {"open", do_open}, {0}};
