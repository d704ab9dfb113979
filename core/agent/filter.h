/* The system calls that a student's program may make: a seccomp filter by libseccomp. */
#pragma once

/*
 * The compiled filter in a memfd, the caller's, as bwrap's --seccomp takes it. What it refuses
 * gets EPERM, or ENOSYS where programs then fall back (clone3, foreign architectures).
 */
int filter_new(int *ret_fd);
