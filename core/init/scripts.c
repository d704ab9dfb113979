/* The scripts' directory. */
#include "scripts.h"

#include "as_student.h"
#include "base/cleanup.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define STUDENT_DIRECTORY "/task/student"

static void set_mode(mode_t mode)
{
    char itself[32];
    /* O_PATH, since at mode 0 it cannot be opened otherwise. */
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    _cleanup_close_ int student = open(STUDENT_DIRECTORY, O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ int scripts = (int)syscall(SYS_openat2, student, "scripts", &how, sizeof(how));
    if (scripts < 0)
        return;
    /* fchmod() refuses O_PATH. This link leads to the open directory, whatever its name is now. */
    snprintf(itself, sizeof(itself), "/proc/self/fd/%d", scripts);
    chmod(itself, mode);
}

void scripts_open(void)
{
    set_mode(S_IRWXU | S_IRWXG | S_IRWXO);
}

void scripts_set_closed(const struct message_init_assign *limits, bool closed)
{
    const mode_t mode = closed ? 0 : S_IRWXU | S_IRWXG | S_IRWXO;
    set_mode(mode);
    as_student_begin(limits);
    set_mode(mode);
    as_student_end(limits);
}
