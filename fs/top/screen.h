/* The live view on a terminal. */
#pragma once

#include "top.h"

/* Shows until it is told to quit, or until the mount has gone. 0, or a negative errno. */
int screen_run(struct top *top);
