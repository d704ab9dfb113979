/* Signals as people write them. */
#pragma once

#define SIGNAL_LAST 64 /* the kernel's last */

/*
 * The number of a signal, from its number (9, 015) or its name as kill(1) takes it: with or without
 * SIG, in either case, and of the real-time ones (RTMIN, RTMIN+n, RTMAX, RTMAX-n). Negative:
 * no signal.
 */
int signal_number(const char *text);
