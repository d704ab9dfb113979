/*
 * Every signal that can be caught goes to the command instead.
 *
 * A signal that stops (SIGTSTP, SIGTTIN, SIGTTOU) stops this program as well, once it is on its
 * way, so that a shell sees a stopped job; SIGCONT, which continues this program by itself,
 * is passed on. What the kernel says of this program's own faults and children stays here.
 */
#pragma once

#include "studentrun.h"

void forward_signals(void);
/* For struct studentrun_call. */
void forward_to(struct studentrun_signals *signals, void *userdata);
void forward_done(int number, void *userdata);
