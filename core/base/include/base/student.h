/* What holds of the student in every environment. */
#pragma once

/* User and group (section 7 of the protocol); INGInious's `worker`. */
#define STUDENT_ID 4242

/*
 * A pipe between this program and the command. Our end (0: the one to read from, 1: the one to
 * write to) never waits. Theirs does, and the student may open it again by its name, /dev/stdin
 * say, where this program is root. It holds size bytes where the kernel grants that; 0: as many
 * as it has by default. Both ends are close-on-exec.
 */
int student_pipe(int ours, int size, int *ret_ours, int *ret_theirs);
