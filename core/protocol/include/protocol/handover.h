/*
 * The hand-over on the Unix socket (section 4 of the protocol, fd mode):
 * init says H; the client answers S with three descriptors, then the command's map, then
 * signals of exactly three digits, until `---`.
 */
#pragma once

#include <stddef.h>

#define HANDOVER_HELLO       'H'
#define HANDOVER_DESCRIPTORS 'S'
#define HANDOVER_FDS         3

#define SIGNAL_SIZE 3
#define SIGNAL_MAX  64 /* the kernel's _NSIG; a peer's init stops listening past it */

/* Writes the three digits; signal is 1 to SIGNAL_MAX. */
void signal_encode(int signal, char ret_digits[SIGNAL_SIZE]);

/* The signal in three bytes: 1 to SIGNAL_MAX; 0 for `---`, the end; -EINVAL for anything else. */
int signal_decode(const char digits[SIGNAL_SIZE]);
