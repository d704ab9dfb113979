/* Signals, passed on. */
#include "forward.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

#define SIGNAL_LAST 64 /* the kernel's _NSIG */

/* Those that came before there was somebody to pass them to. */
static volatile sig_atomic_t early[SIGNAL_LAST + 1];
static struct studentrun_signals *volatile command;

/* A SIGCONT came after the last of those that stop, and takes it back, as in the kernel. */
static volatile sig_atomic_t is_continued;

/* From a terminal's signal until this program has been stopped and continued: each try to read in
 * the background makes another one. */
static volatile sig_atomic_t is_stopping;

static bool is_fault(int signal)
{
    return signal == SIGSEGV || signal == SIGBUS || signal == SIGILL || signal == SIGFPE ||
           signal == SIGTRAP || signal == SIGSYS;
}

static bool stops(int signal)
{
    return signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

/* Those by which a terminal stops who reads or writes in the background. */
static bool is_terminals(int signal)
{
    return signal == SIGTTIN || signal == SIGTTOU;
}

/* Of the two that wait the later one counts. */
static void take_back(int number)
{
    if (stops(number))
        early[SIGCONT] = 0;
    else if (number == SIGCONT)
        early[SIGTSTP] = early[SIGTTIN] = early[SIGTTOU] = 0;
    is_continued = number == SIGCONT || (is_continued && !stops(number));
}

/* Told by the kernel about this program itself, not sent by anybody. */
static bool is_own(int signal, const siginfo_t *info)
{
    return (signal == SIGCHLD && info->si_code > 0) ||
           (signal == SIGPIPE && info->si_pid == getpid());
}

static void on_signal(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (is_fault(number) && info->si_code > 0) {
        signal(number, SIG_DFL); /* and it happens again */
        return;
    }
    if (is_own(number, info) || (is_terminals(number) && is_stopping))
        return;
    is_stopping = is_terminals(number) ? 1 : is_stopping;
    take_back(number);
    if (command)
        studentrun_signals_send(command, number);
    else
        early[number] = 1;
}

void forward_signals(void)
{
    struct sigaction action = {.sa_sigaction = on_signal};
    sigset_t none;
    sigfillset(&action.sa_mask);
    for (int number = 1; number <= SIGNAL_LAST; number++) {
        /* A read in the background that began again would be told again, for ever. */
        action.sa_flags = SA_SIGINFO | (is_terminals(number) ? 0 : SA_RESTART);
        sigaction(number, &action, NULL); /* not those of KILL, STOP and the C library */
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

void forward_to(struct studentrun_signals *signals, void *userdata)
{
    (void)userdata;
    command = signals;
    for (int number = 1; signals && number <= SIGNAL_LAST; number++)
        if (early[number])
            studentrun_signals_send(signals, number);
}

void forward_done(int number, void *userdata)
{
    (void)userdata;
    if (!stops(number))
        return;
    if (!is_continued)
        kill(getpid(), SIGSTOP);
    is_stopping = 0;
}
