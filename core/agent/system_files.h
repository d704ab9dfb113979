/*
 * The task's system files (section 7.2 of the protocol): systemfiles/hosts is appended to the
 * sandbox's /etc/hosts, systemfiles/resolv.conf is its /etc/resolv.conf. The directory itself is
 * /task/systemfiles, read-only.
 *
 * They are put together outside, when a sandbox is prepared; one that was prepared before they
 * changed is not used. The task is the grader's: the student cannot write there.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum system_file { SYSTEM_HOSTS, SYSTEM_RESOLV, SYSTEM_FILE_COUNT };

/* Whether there is a directory at the path (a link is none). */
bool system_files_are_there(const char *directory);
/* Changes when one of them does. 0: there is no directory. */
uint64_t system_files_stamp(const char *directory);
/*
 * Descriptors of what the two files in /etc are to be, the caller's. shares_network: they begin as
 * the machine's. On failure ret_reason tells which file it was and why.
 */
int system_files_open(const char *directory, bool shares_network, int ret_fds[SYSTEM_FILE_COUNT],
                      char *ret_reason, size_t size);
