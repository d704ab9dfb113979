/* The command lines of run_student(1) and ssh_student(1). */
#pragma once

#include "studentrun.h"

#include <stdbool.h>
#include <stdint.h>

/* Which of the two programs. */
enum cli { CLI_RUN_STUDENT, CLI_SSH_STUDENT };

struct options {
    /* INGInious's. */
    const char *container, *teardown_script, *setup_script;
    uint64_t time_usec, hard_time_usec, memory; /* 0: the agent's default */
    bool share_network, run_as_root;
    /* Ours. */
    const char *sockets, *task, *agent, *transport, *working_dir;
    const char *ssh_address, *ssh_ports, *ssh_wait; /* for the agent, as they are */
    struct studentrun_options waits;                /* its times */
    char *const *command; /* the words after the options, NULL-terminated; may be none */
};

/*
 * Parses. Returns 0; 1 where there is nothing more to do (--help, --version); or a negative
 * errno after the mistake was told on stderr. Texts point into argv.
 */
int options_parse(enum cli cli, int argc, char **argv, struct options *ret_options);
