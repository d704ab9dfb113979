/*
 * Two runs wired together: what one writes to its standard output is the other's standard
 * input, both ways, for interactors and judges of two players.
 *
 *   run A: stdout ─▶ recording of A ─▶ input of B ─▶ stdin of B      and the same back
 *
 * It behaves as two pipes would: the end of A's output is the end of B's input; A gets SIGPIPE
 * where it writes and B reads no more; and A's writes block while B is behind, for then A's
 * pipe is not drained. All bytes are recorded in both. The daemon waits for nobody.
 *
 * While wired, each holds a reference to the other; the first that ends lets go of both.
 */
#pragma once

#include "viewer.h"

struct run;

/*
 * Wires the two, which must be new. -EINVAL: itself; -EACCES: other is not viewer's to
 * change; -EBUSY: one has started; -EISCONN: one has, or had, a peer; -ENOMEM.
 */
int peer_wire(struct run *run, struct run *other, const struct viewer *viewer);

/* The run has more room for input, or has no use for any now. */
void peer_input_changed(struct run *run);
/* The run's output has ended. */
void peer_output_ended(struct run *run);
/* The run has ended, and its input and output with it. */
void peer_run_ended(struct run *run);
