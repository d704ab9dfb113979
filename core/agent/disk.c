/* The watch over the student's directory. */
#include "disk.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#define LOOK_NS   (200 * NS_PER_MS) /* what a disk takes meanwhile, a few hundred MB, is little */
#define SLICE_NS  (2 * NS_PER_MS)   /* between two steps of a walk */
#define SLICE     1000              /* entries in each: about a millisecond */
#define STAMP_NS  (20 * NS_PER_MS)  /* how far a file's time may be behind the clock's */
#define PROCESSES 20000             /* of a run looked at; more are not there by any limit */

static struct disk_use *use_of(struct list *link)
{
    return container_of(link, struct disk_use, link);
}

/* --- what a run has written --- */

/* Also by processes that have been waited for since; 0 where it cannot be told. */
static uint64_t written_by_process(long pid)
{
    char path[48], line[64];
    uint64_t bytes = 0, cancelled = 0;
    snprintf(path, sizeof(path), "/proc/%ld/io", pid);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof(line), file)) {
        sscanf(line, "write_bytes: %" SCNu64, &bytes);
        sscanf(line, "cancelled_write_bytes: %" SCNu64, &cancelled);
    }
    if (file)
        fclose(file);
    return bytes > cancelled ? bytes - cancelled : 0;
}

static uint64_t written(const struct disk_use *use)
{
    const struct cgroup_tree *tree = use->cgroup->tree;
    char path[64], line[32];
    uint64_t bytes = 0;
    unsigned n = 0;
    if (!tree || tree->n_hierarchies == 0)
        return 0;
    snprintf(path, sizeof(path), "%s/cgroup.procs", use->cgroup->name);
    int fd = openat(tree->hierarchies[0].fd, path, O_RDONLY | O_CLOEXEC);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "re");
    if (!file && fd >= 0)
        close(fd);
    while (file && n++ < PROCESSES && fgets(line, sizeof(line), file))
        bytes += written_by_process(strtol(line, NULL, 10));
    if (file)
        fclose(file);
    return bytes;
}

/* --- the file system --- */

static int open_directory(const struct disk *disk)
{
    return open(disk->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static bool look_at_free(int directory, uint64_t *ret_bytes, uint64_t *ret_files)
{
    struct statvfs st;
    if (directory < 0 || fstatvfs(directory, &st) < 0)
        return false;
    *ret_bytes = st.f_bfree * st.f_frsize;
    *ret_files = st.f_ffree;
    return true;
}

static void begin_anew(struct disk_use *use, uint64_t free_bytes, uint64_t free_files)
{
    use->free_bytes = free_bytes;
    use->free_files = free_files;
}

static void begin_all_anew(struct disk *disk)
{
    _cleanup_close_ int directory = open_directory(disk);
    uint64_t bytes, files;
    if (!look_at_free(directory, &bytes, &files))
        return;
    list_for_each (item, &disk->uses)
        begin_anew(use_of(item), bytes, files);
}

/* Space that others give back does not hide what a run takes: the most that was free counts. */
static bool has_shrunk(const struct disk *disk, struct disk_use *use, uint64_t bytes,
                       uint64_t files)
{
    if (bytes > use->free_bytes)
        use->free_bytes = bytes;
    if (files > use->free_files)
        use->free_files = files;
    return use->free_bytes - bytes >= disk->limit ||
           use->free_files - files >= disk->limit / DISK_FILE_SIZE;
}

/* --- verdict --- */

static void now(struct timespec *ret_time)
{
    clock_gettime(CLOCK_REALTIME, ret_time);
    ret_time->tv_nsec -= (long)STAMP_NS;
    if (ret_time->tv_nsec < 0) {
        ret_time->tv_nsec += (long)NS_PER_S;
        ret_time->tv_sec--;
    }
}

static uint64_t kernel_time(const struct disk_use *use)
{
    return cgroup_system_cpu_ns(use->cgroup);
}

/* The suspicious run of which it is the most; NULL: it is nothing of any. */
static struct disk_use *find_most(const struct disk *disk,
                                  uint64_t (*measure)(const struct disk_use *use),
                                  uint64_t *ret_most)
{
    struct disk_use *found = NULL;
    *ret_most = 0;
    list_for_each (item, &disk->uses) {
        uint64_t value = use_of(item)->is_suspicious ? measure(use_of(item)) : 0;
        if (value > *ret_most) {
            found = use_of(item);
            *ret_most = value;
        }
    }
    return found;
}

/* For the others the count begins anew. */
static void strike(struct disk *disk, struct disk_use *use)
{
    begin_all_anew(disk);
    list_for_each (item, &disk->uses)
        now(&use_of(item)->since);
    disk_unwatch(disk, use);
    use->fn(use);
}

static void end_scan(struct disk *disk)
{
    struct disk_use *suspect = disk->suspect;
    disk->suspect = NULL;
    if (suspect && disk->scan.found >= disk->scan.enough)
        strike(disk, suspect);
    else
        begin_all_anew(disk); /* it was somebody else */
}

static void find_cause(struct disk *disk, int directory)
{
    uint64_t most;
    struct disk_use *use = find_most(disk, written, &most);
    if (use && most >= disk->limit) {
        strike(disk, use);
        return;
    }
    use = find_most(disk, kernel_time, &most);
    if (use && disk_scan_start(&disk->scan, directory, disk->uid, &use->since,
                               disk->limit / DISK_FILE_SIZE) == 0)
        disk->suspect = use;
}

static void look(struct disk *disk)
{
    _cleanup_close_ int directory = open_directory(disk);
    uint64_t bytes, files;
    bool is_suspicious = false;
    if (!look_at_free(directory, &bytes, &files))
        return;
    list_for_each (item, &disk->uses) {
        use_of(item)->is_suspicious = has_shrunk(disk, use_of(item), bytes, files);
        is_suspicious |= use_of(item)->is_suspicious;
    }
    if (is_suspicious)
        find_cause(disk, directory);
}

static void on_timer(struct timer *timer)
{
    struct disk *disk = container_of(timer, struct disk, timer);
    if (list_is_empty(&disk->uses))
        return;
    if (!disk->suspect)
        look(disk);
    else if (!disk_scan_go_on(&disk->scan, SLICE))
        end_scan(disk);
    timer_arm(&disk->timer, disk->suspect ? SLICE_NS : LOOK_NS);
}

/* --- the runs --- */

int disk_init(struct disk *disk, struct loop *loop, const char *path, uid_t uid, uint64_t limit)
{
    *disk = (struct disk){.loop = loop, .path = path, .limit = limit, .uid = uid};
    list_init(&disk->uses);
    return timer_init(loop, &disk->timer, on_timer);
}

void disk_deinit(struct disk *disk)
{
    disk_scan_stop(&disk->scan);
    timer_deinit(&disk->timer);
}

void disk_watch(struct disk *disk, struct disk_use *use, const struct cgroup *cgroup, disk_fn *fn)
{
    _cleanup_close_ int directory = disk->limit > 0 ? open_directory(disk) : -1;
    uint64_t bytes, files;
    if (!look_at_free(directory, &bytes, &files))
        return;
    *use = (struct disk_use){.cgroup = cgroup, .fn = fn};
    begin_anew(use, bytes, files);
    now(&use->since);
    if (list_is_empty(&disk->uses))
        timer_arm(&disk->timer, LOOK_NS);
    list_append(&disk->uses, &use->link);
}

void disk_unwatch(struct disk *disk, struct disk_use *use)
{
    if (disk->suspect == use) {
        disk_scan_stop(&disk->scan);
        disk->suspect = NULL;
    }
    if (use->link.next)
        list_remove(&use->link);
}
