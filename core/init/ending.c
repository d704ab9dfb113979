/* How a run ended. */
#include "ending.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

void ending_of_status(int status, struct ending *ret_ending)
{
    *ret_ending = (struct ending){.termination = TERMINATION_EXITED};
    if (!WIFSIGNALED(status)) {
        ret_ending->retval = WEXITSTATUS(status);
        return;
    }
    ret_ending->signal = WTERMSIG(status);
    ret_ending->retval = RETVAL_SIGNAL + ret_ending->signal;
    ret_ending->termination = TERMINATION_SIGNAL;
    const char *name = sigdescr_np(ret_ending->signal); /* real-time signals have none */
    snprintf(ret_ending->reason, REASON_SIZE,
             name ? "killed by signal %d (%s)" : "killed by signal %d", ret_ending->signal, name);
}

/* The bytes of text that are shown: cut where a character begins, as peers want UTF-8. */
static int shown_size(const char *text)
{
    size_t size = strnlen(text, NAME_SHOWN + 1);
    if (size <= NAME_SHOWN)
        return (int)size;
    size = NAME_SHOWN;
    while (size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80)
        size--;
    return (int)size;
}

void ending_of_failure(int retval, enum termination termination, const char *subject,
                       const char *what, struct ending *ret_ending)
{
    *ret_ending = (struct ending){.retval = retval, .termination = termination};
    if (subject)
        snprintf(ret_ending->reason, REASON_SIZE, "%.*s: %s", shown_size(subject), subject, what);
    else
        snprintf(ret_ending->reason, REASON_SIZE, "%s", what);
    for (char *c = ret_ending->reason; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
}
