/*
 * Memory for recordings, in chunks that are kept and used again.
 *
 * Page faults on fresh memory, not copies, are what recording costs: a chunk is one huge
 * page, and free ones are kept, a few for ever, and more while they are of use. Past the pool's
 * memory bound a chunk is a piece of an unlinked file, mapped shared, with its blocks allocated
 * beforehand: the kernel writes it out when it needs the memory, and a full disk is an error here
 * and not a SIGBUS at some later store.
 */
#pragma once

#include "base/loop.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CHUNK_SIZE ((size_t)2 << 20)

struct chunk {
    struct chunk *next; /* while it is free */
    char *memory;       /* CHUNK_SIZE bytes */
    off_t at;           /* in the file; -1: plain memory */
};

struct chunk_pool {
    struct chunk *free_memory, *free_file;
    size_t n_memory, n_memory_free; /* chunks */
    size_t max_memory;              /* chunks */
    size_t n_idle;                  /* the fewest free ones since the timer was set */
    struct timer timer;
    const char *directory; /* where the file is made when it is first needed */
    int file;
    off_t file_size;
};

/* Keeps at most max_memory bytes in plain memory; directory is borrowed. */
int chunk_pool_init(struct chunk_pool *pool, struct loop *loop, uint64_t max_memory,
                    const char *directory);
/* All chunks must have been put back. */
void chunk_pool_deinit(struct chunk_pool *pool);

/* A chunk with any content, NULL where neither memory nor disk has room. */
struct chunk *chunk_pool_get(struct chunk_pool *pool);
/* Takes NULL. */
void chunk_pool_put(struct chunk_pool *pool, struct chunk *chunk);
