/* Memory for recordings: see chunk_pool.h. */
#include "chunk_pool.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <sys/mman.h>

/* Free chunks kept for ever: as much as a few busy runs reuse (64 MiB). */
#define KEEP_FREE 32
/* What nobody has used for so long goes back to the kernel. */
#define IDLE_NS (10 * NS_PER_S)

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

static struct chunk *take_free(struct chunk **list)
{
    struct chunk *chunk = *list;
    *list = chunk->next;
    return chunk;
}

static void on_idle(struct timer *timer)
{
    struct chunk_pool *pool = container_of(timer, struct chunk_pool, timer);
    for (; pool->n_idle > 0 && pool->n_memory_free > KEEP_FREE; pool->n_idle--) {
        chunk_free(take_free(&pool->free_memory));
        pool->n_memory_free--;
        pool->n_memory--;
    }
    pool->n_idle = pool->n_memory_free;
    if (pool->n_memory_free > KEEP_FREE)
        timer_arm(timer, IDLE_NS);
}

int chunk_pool_init(struct chunk_pool *pool, struct loop *loop, uint64_t max_memory,
                    const char *directory)
{
    *pool = (struct chunk_pool){
        .max_memory = (size_t)(max_memory / CHUNK_SIZE), .directory = directory, .file = -1};
    return timer_init(loop, &pool->timer, on_idle);
}

void chunk_pool_deinit(struct chunk_pool *pool)
{
    timer_deinit(&pool->timer);
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
        if (pool->n_idle > pool->n_memory_free)
            pool->n_idle = pool->n_memory_free;
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
        return;
    }
    chunk->next = pool->free_memory;
    pool->free_memory = chunk;
    if (pool->n_memory_free++ == KEEP_FREE) {
        pool->n_idle = 0;
        timer_arm(&pool->timer, IDLE_NS);
    }
}
