/* The files at the top that tell of all runs: `runs` and `metrics`. */
#pragma once

#include "parked.h"

int overview_read_runs(struct handle *handle, fuse_req_t request, size_t size, off_t offset);
int overview_read_metrics(struct handle *handle, fuse_req_t request, size_t size, off_t offset);
