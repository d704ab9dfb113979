/*
 * Signals for a run's command from other threads and from signal handlers: a pipe to the thread
 * that waits.
 */
#pragma once

#include "studentrun.h"

struct studentrun_signals {
    int ends[2];
};

int signals_open(struct studentrun_signals *signals);
void signals_close(struct studentrun_signals *signals);
/* The next one, or 0. */
int signals_next(const struct studentrun_signals *signals);
