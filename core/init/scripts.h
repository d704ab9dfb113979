/*
 * /task/student/scripts: what an INGInious init leaves at mode 0, so that the student cannot
 * look at it after the command. The teardown script needs it.
 */
#pragma once

#include "protocol/message.h"

/*
 * Makes it accessible to all (0777), if the caller owns it; else, or where there is none,
 * nothing happens. The student can replace anything in /task/student: no link is followed.
 */
void scripts_open(void);

/* Mode 0, or 0777 again, where init or the student owns it. A student who does can undo it. */
void scripts_set_closed(const struct message_init_assign *limits, bool closed);
