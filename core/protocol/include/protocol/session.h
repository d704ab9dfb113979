/*
 * What an ssh server outside of a sandbox and the init inside of it say to each other, on
 * SEQPACKET sockets: this struct, one to a message. Ours alone: both come from the same build.
 *
 *   the run's socket      server ── LOGIN, with a visitor's socket ──▶ init    somebody is in
 *                         server ── LOCKED ──▶ init                            nobody comes in any
 * more a visitor's socket    server ── START ──▶ init ── STARTED, with descriptors, or ENDED server
 * ── SIGNAL ──▶ init ── ENDED, when the program has
 *
 * The end of a visitor's socket is the visitor's leaving, that of the run's the server's.
 */
#pragma once

#include <stdint.h>

enum session_kind {
    SESSION_LOGIN,
    SESSION_LOCKED,
    SESSION_START,
    SESSION_STARTED,
    SESSION_SIGNAL,
    SESSION_ENDED
};

/* A person has a few windows open. */
#define VISITORS_MAX 8
/* Bytes of a single command; a SEQPACKET message takes it whole. */
#define SESSION_COMMAND_MAX  32768
#define SESSION_TERMINAL_MAX 64

/*
 * With STARTED come either the terminal's master or three pipes, to standard input and from
 * standard output and error; and the log, where one could be opened.
 */
#define SESSION_PIPES   3
#define SESSION_FDS_MAX (SESSION_PIPES + 1)

struct session_message {
    uint32_t kind;         /* enum session_kind */
    int32_t retval;        /* ENDED: its exit code */
    int32_t signal;        /* ENDED, SIGNAL */
    uint32_t has_terminal; /* START, STARTED */
    uint32_t has_log;      /* STARTED */
    uint16_t rows, columns, width, height;
    char terminal[SESSION_TERMINAL_MAX]; /* START: its type, terminated */
    uint32_t command_size;               /* START: of what follows; 0: a login shell */
};
