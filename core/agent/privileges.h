/*
 * What root's agent and its spawners keep of root's capabilities: what each needs, and no more. The
 * agent of an ordinary user has none to begin with. docs/security.md says what each is for.
 */
#pragma once

enum privileged { PRIVILEGED_AGENT, PRIVILEGED_SPAWNER };

/* For good, for this process and all that it starts. 0 where there is nothing to drop. */
int privileges_keep(enum privileged who);
