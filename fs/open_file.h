/* The operations on files: from open to release. */
#pragma once

#include "parked.h"

void open_file_open(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *fi);
void open_file_create(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode,
                      struct fuse_file_info *fi);
void open_file_release(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *fi);
void open_file_read(fuse_req_t request, fuse_ino_t number, size_t size, off_t offset,
                    struct fuse_file_info *fi);
void open_file_write(fuse_req_t request, fuse_ino_t number, const char *data, size_t size,
                     off_t offset, struct fuse_file_info *fi);
void open_file_flush(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *fi);
void open_file_fsync(fuse_req_t request, fuse_ino_t number, int only_data,
                     struct fuse_file_info *fi);
void open_file_poll(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *fi,
                    struct fuse_pollhandle *poll);
