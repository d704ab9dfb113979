/*
 * Two runs wired together: what one writes to its standard output is the other's standard
 * input, both ways, for interactors and judges of two players.
 *
 *   run A: stdout ─▶ recording of A ─▶ input of B ─▶ stdin of B      and the same back
 *
 * It behaves as two pipes would: the end of A's output is the end of B's input, A is
 * killed by SIGPIPE where it writes and B reads no more, and A's writes block while B is
 * behind: then A's pipe is not drained. All bytes are recorded in both. The daemon waits
 * for neither.
 */
#pragma once

#include "viewer.h"

#include <stddef.h>

struct run;

/*
 * Wires the two, which must be new. -EINVAL: itself; -EACCES: other is not viewer's to
 * change; -EBUSY: one has started; -EISCONN: one has a peer already.
 */
int peer_wire(struct run *run, struct run *other, const struct viewer *viewer);
/* Takes them apart again. -EBUSY: one has started. Harmless where there is no peer. */
int peer_unwire(struct run *run);

/* The run has more room for input, or has no use for any now. */
void peer_input_changed(struct run *run);
/* The run has ended: so do its output and input, for the other. */
void peer_run_ended(struct run *run);
