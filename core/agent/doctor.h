/* What the sandboxes stand on: whether this machine has it, and what would mend it. */
#pragma once

#include "options.h"

/* Prints a line for each thing (base/finding.h). The worst finding's number: an exit status. */
int doctor_examine(const struct options *options);
