/* A line for each thing that was looked at. */
#include "base/finding.h"

#include <stdio.h>

static const char *const names[FINDING_COUNT] = {
    [FINDING_OK] = "ok", [FINDING_LIMITED] = "limited", [FINDING_MISSING] = "MISSING"};

enum finding finding_say(enum finding finding, const char *what, const char *why, const char *mend)
{
    printf("%-8s %s", names[finding], what);
    if (finding != FINDING_OK)
        printf("%s%s%s%s", *why ? ": " : "", why, *mend ? ": " : "", mend);
    putchar('\n');
    fflush(stdout); /* another program's lines come between */
    return finding;
}

enum finding finding_worse(enum finding one, enum finding other)
{
    return one > other ? one : other;
}
