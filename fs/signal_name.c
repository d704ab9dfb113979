/* Signals as people write them. */
#include "signal_name.h"

#include "base/number.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* How far from its end of the real-time signals the name is: "", or the sign and a number. */
static int distance(const char *text, char sign, int max)
{
    uint64_t number = 0;
    int r = 0;
    if (*text)
        r = *text == sign ? number_parse(text + 1, 1, (uint64_t)max, &number) : -EINVAL;
    return r < 0 ? r : (int)number;
}

/* sigabbrev_np() has no names for these, whose numbers the C library decides. */
static int real_time_number(const char *name)
{
    bool from_last = strncasecmp(name, "RTMAX", 5) == 0;
    if (!from_last && strncasecmp(name, "RTMIN", 5) != 0)
        return -EINVAL;
    int n = distance(name + 5, from_last ? '-' : '+', SIGRTMAX - SIGRTMIN);
    return n < 0 ? n : from_last ? SIGRTMAX - n : SIGRTMIN + n;
}

int signal_number(const char *text)
{
    uint64_t number;
    if (number_parse(text, 1, SIGNAL_LAST, &number) == 0)
        return (int)number;
    if (strncasecmp(text, "SIG", 3) == 0)
        text += 3;
    for (int i = 1; i <= SIGNAL_LAST; i++) {
        const char *known = sigabbrev_np(i);
        if (known && strcasecmp(known, text) == 0)
            return i;
    }
    return real_time_number(text);
}
