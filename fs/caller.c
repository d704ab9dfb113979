/* What /proc tells of a process that asks something of the mount. */
#include "caller.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *in_task(const char *relative)
{
    char *path;
    return asprintf(&path, "/task/%s", relative) < 0 ? NULL : path;
}

/* The part of the process's working directory below task_dir, "" where it cannot be seen. */
static const char *below_task(pid_t process, const char *task_dir, char buffer[PATH_MAX])
{
    char link[64];
    snprintf(link, sizeof(link), "/proc/%d/cwd", process);
    ssize_t n = readlink(link, buffer, PATH_MAX - 1);
    size_t length = strlen(task_dir);
    if (n < 0)
        return "";
    buffer[n] = 0;
    if (strncmp(buffer, task_dir, length) != 0 || buffer[length] != '/')
        return "";
    return buffer + length + 1;
}

char *caller_working_dir(const char *setting, const char *task_dir, pid_t caller)
{
    static const char student[] = "student";
    char buffer[PATH_MAX];
    if (setting && *setting)
        return *setting == '/' ? strdup(setting) : in_task(setting);
    const char *relative = below_task(caller, task_dir, buffer);
    size_t n = sizeof(student) - 1;
    /* Of the task directory the student sees nothing else. */
    if (strncmp(relative, student, n) != 0 || (relative[n] != 0 && relative[n] != '/'))
        return strdup("/task");
    return in_task(relative);
}

mode_t caller_umask(pid_t caller)
{
    char path[64], line[256];
    unsigned mask = 077;
    snprintf(path, sizeof(path), "/proc/%d/status", caller);
    FILE *status = fopen(path, "re");
    if (!status)
        return mask;
    while (fgets(line, sizeof(line), status))
        if (sscanf(line, "Umask: %o", &mask) == 1)
            break;
    fclose(status);
    return mask & 0777;
}
