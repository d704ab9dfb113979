/* What an examination of the machine has found, as a line for people and for scripts. */
#pragma once

enum finding {
    FINDING_OK,
    FINDING_LIMITED, /* runs work, with less */
    FINDING_MISSING, /* they do not */
    FINDING_COUNT
};

/*
 * Prints "ok WHAT", and where something is amiss "limited WHAT: WHY: MEND" or "MISSING ...". mend
 * is the command that would mend it. Both may be empty. Returns the finding.
 */
enum finding finding_say(enum finding finding, const char *what, const char *why, const char *mend);

enum finding finding_worse(enum finding one, enum finding other);
