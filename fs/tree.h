/* The tree that the mount shows: FUSE's operations over the tables of files. */
#pragma once

#include "parked.h"
#include "run.h"

/* The session's userdata is a struct studentfs. */
extern const struct fuse_lowlevel_ops tree_operations;

/* Of a struct studentfs; the kernel is to ask again for those of the run and its files. */
void tree_forget_attributes(void *userdata, const struct run *run);
