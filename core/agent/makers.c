/* The spawner's children. */
#include "makers.h"

#include "base/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#define KILL_ROUNDS   400
#define KILL_PAUSE_NS (5 * (long)NS_PER_MS)

void makers_adopt_orphans(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

int makers_reserve(struct makers *makers)
{
    size_t room = makers->room ? 2 * makers->room : 16;
    if (makers->n < makers->room)
        return 0;
    pid_t *pids = reallocarray(makers->pids, room, sizeof(*pids));
    if (!pids)
        return -ENOMEM;
    makers->pids = pids;
    makers->room = room;
    return 0;
}

void makers_add(struct makers *makers, pid_t pid)
{
    makers->pids[makers->n++] = pid;
}

/* Its index; n: it is none. */
static size_t find(const struct makers *makers, pid_t pid)
{
    size_t i = 0;
    while (i < makers->n && makers->pids[i] != pid)
        i++;
    return i;
}

/* Each child that is no maker. Not every kernel lists them: there nothing is done. */
static void kill_others(const struct makers *makers)
{
    pid_t pid;
    FILE *children = fopen("/proc/thread-self/children", "re");
    while (children && fscanf(children, "%d", &pid) == 1)
        if (find(makers, pid) == makers->n)
            kill(pid, SIGKILL);
    if (children)
        fclose(children);
}

void makers_reap(struct makers *makers)
{
    bool went_wrong = false;
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        size_t i = find(makers, pid);
        if (i == makers->n)
            continue;
        makers->pids[i] = makers->pids[--makers->n];
        /* One that ends well has seen its child end. */
        went_wrong = went_wrong || !WIFEXITED(status) || WEXITSTATUS(status) != EXIT_SUCCESS;
    }
    if (went_wrong)
        kill_others(makers);
}

void makers_kill_all(void)
{
    static const struct makers none = {0};
    const struct timespec pause = {.tv_nsec = KILL_PAUSE_NS};
    for (int i = 0; i < KILL_ROUNDS; i++) {
        kill_others(&none);
        pid_t pid;
        while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
            ;
        if (pid < 0)
            return; /* there are none */
        nanosleep(&pause, NULL);
    }
}
