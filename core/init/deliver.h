/*
 * Signals for the command.
 *
 * A terminal's signals that stop (SIGTSTP, SIGTTIN, SIGTTOU) have no effect of their own on a
 * command that leaves them alone: nobody of its session could continue it, so that the kernel
 * drops them. The one who sent them can: the command is stopped in their place.
 */
#pragma once

#include <sys/types.h>

void deliver(pid_t command, int signal);
