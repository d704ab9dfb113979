/* Signals for the command. */
#include "deliver.h"

#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/*
 * Whether it neither ignores nor catches the signal. Whether it blocks it does not count: the C
 * library does for moments, and a signal that came in one of them would be lost.
 */
static bool leaves_alone(pid_t command, int signal)
{
    char path[32], line[128];
    uint64_t all = 0;
    unsigned n = 0;
    snprintf(path, sizeof(path), "/proc/%d/status", command);
    FILE *status = fopen(path, "re");
    while (status && fgets(line, sizeof(line), status)) {
        uint64_t mask;
        if (sscanf(line, "SigIgn: %" SCNx64, &mask) == 1 ||
            sscanf(line, "SigCgt: %" SCNx64, &mask) == 1) {
            all |= mask;
            n++;
        }
    }
    if (status)
        fclose(status);
    return n == 2 && !(all & UINT64_C(1) << (signal - 1));
}

void deliver(pid_t command, int signal)
{
    bool stops = signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
    kill(command, stops && leaves_alone(command, signal) ? SIGSTOP : signal);
}
