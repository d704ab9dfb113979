/* The agent's log: see base/log.h. */
#pragma once

#include "base/log.h"

#define log_line log_warning
