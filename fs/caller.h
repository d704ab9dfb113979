/* What /proc tells of a process that asks something of the mount. */
#pragma once

#include <sys/types.h>

/*
 * Where a command starts, as the student sees it: the setting, if it is not empty (a
 * relative one lies in /task); else the working directory of the caller, where that is
 * visible to the student: /task/student/... for what lies in task_dir/student; else /task.
 * The caller's to free(); NULL: no memory.
 */
char *caller_working_dir(const char *setting, const char *task_dir, pid_t caller);

/* Its umask: FUSE tells it for mkdir only. 077 where it cannot be read. */
mode_t caller_umask(pid_t caller);
