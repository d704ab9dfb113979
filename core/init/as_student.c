/* Files as the student. */
#include "as_student.h"

#include "child.h"

#include <sys/fsuid.h>
#include <unistd.h>

/* Else init is that user already. */
static bool is_other(const struct message_init_assign *limits)
{
    return !limits->run_as_root && getuid() == 0;
}

void as_student_begin(const struct message_init_assign *limits)
{
    if (!is_other(limits))
        return;
    setfsgid(STUDENT_ID);
    setfsuid(STUDENT_ID);
}

void as_student_end(const struct message_init_assign *limits)
{
    if (!is_other(limits))
        return;
    setfsuid(0);
    setfsgid(0);
}
