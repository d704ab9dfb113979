/* What -o takes: options of ours by their long names, as mount(8) and fstab(5) have them, and the
 * mount's own. */
#pragma once

#include "base/option_table.h"

/* Of a struct options. The mount's own are gathered in its mount_options, which is the caller's. */
option_fn mount_options_take;
