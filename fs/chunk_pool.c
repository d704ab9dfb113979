/* Memory for recordings: see chunk_pool.h. */
#include "chunk_pool.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <sys/mman.h>

/* Free chunks kept: as much as a few busy runs reuse (64 MiB). */
#define KEEP_FREE 32

void chunk_pool_init(struct chunk_pool *pool, uint64_t max_memory, const char *directory)
{
    *pool = (struct chunk_pool){
        .max_memory = (size_t)(max_memory / CHUNK_SIZE), .directory = directory, .file = -1};
}

static void chunk_free(struct chunk *chunk)
{
    munmap(chunk->memory, CHUNK_SIZE);
    free(chunk);
}

static void free_all(struct chunk **list)
{
    while (*list) {
        struct chunk *chunk = *list;
        *list = chunk->next;
        chunk_free(chunk);
    }
}

void chunk_pool_deinit(struct chunk_pool *pool)
{
    free_all(&pool->free_memory);
    free_all(&pool->free_file);
    fd_clear(&pool->file);
}

/* Aligned to its size, so that the kernel can back it by one huge page. */
static char *map_aligned(void)
{
    char *raw = mmap(NULL, 2 * CHUNK_SIZE, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (raw == MAP_FAILED)
        return NULL;
    size_t before = (CHUNK_SIZE - (uintptr_t)raw % CHUNK_SIZE) % CHUNK_SIZE;
    if (before > 0)
        munmap(raw, before);
    munmap(raw + before + CHUNK_SIZE, CHUNK_SIZE - before);
    madvise(raw + before, CHUNK_SIZE, MADV_HUGEPAGE);
    return raw + before;
}

static char *map_file(struct chunk_pool *pool)
{
    if (pool->file < 0)
        pool->file = open(pool->directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (pool->file < 0 || posix_fallocate(pool->file, pool->file_size, (off_t)CHUNK_SIZE) != 0)
        return NULL;
    char *memory =
        mmap(NULL, CHUNK_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, pool->file, pool->file_size);
    return memory == MAP_FAILED ? NULL : memory;
}

static struct chunk *take_free(struct chunk **list)
{
    struct chunk *chunk = *list;
    *list = chunk->next;
    return chunk;
}

static struct chunk *chunk_new(struct chunk_pool *pool)
{
    struct chunk *chunk = calloc(1, sizeof(*chunk));
    if (!chunk)
        return NULL;
    chunk->at = -1;
    if (pool->n_memory < pool->max_memory)
        chunk->memory = map_aligned();
    if (chunk->memory) {
        pool->n_memory++;
        return chunk;
    }
    chunk->memory = map_file(pool);
    if (!chunk->memory) {
        free(chunk);
        return NULL;
    }
    chunk->at = pool->file_size;
    pool->file_size += (off_t)CHUNK_SIZE;
    return chunk;
}

struct chunk *chunk_pool_get(struct chunk_pool *pool)
{
    if (pool->free_memory) {
        pool->n_memory_free--;
        return take_free(&pool->free_memory);
    }
    if (pool->n_memory >= pool->max_memory && pool->free_file)
        return take_free(&pool->free_file);
    return chunk_new(pool);
}

void chunk_pool_put(struct chunk_pool *pool, struct chunk *chunk)
{
    if (!chunk)
        return;
    if (chunk->at >= 0) {
        /* Its disk blocks stay with it: they are what a full disk cannot take back. */
        chunk->next = pool->free_file;
        pool->free_file = chunk;
    } else if (pool->n_memory_free < KEEP_FREE) {
        chunk->next = pool->free_memory;
        pool->free_memory = chunk;
        pool->n_memory_free++;
    } else {
        pool->n_memory--;
        chunk_free(chunk);
    }
}
