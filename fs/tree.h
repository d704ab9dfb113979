/* The tree that the mount shows: FUSE's operations over the tables of files. */
#pragma once

#include "parked.h"

/* The session's userdata is a struct studentfs. */
extern const struct fuse_lowlevel_ops tree_operations;
