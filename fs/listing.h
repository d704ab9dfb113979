/* What a directory of the mount holds: the operations readdir and readdirplus. */
#pragma once

#include "parked.h"

void listing_readdir(fuse_req_t request, fuse_ino_t number, size_t size, off_t cookie,
                     struct fuse_file_info *fi);
void listing_readdirplus(fuse_req_t request, fuse_ino_t number, size_t size, off_t cookie,
                         struct fuse_file_info *fi);
