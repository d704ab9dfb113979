/* Inode numbers and attributes. */
#include "inode.h"

#include "studentfs.h"

#include <errno.h>
#include <string.h>

/* 1 is the root (FUSE_ROOT_ID); below FIRST_RUN lie the things at the top. */
#define TASK_INODE     2
#define FIRST_TOP_FILE 16
#define RUN_SHIFT      8 /* a run's files have the low bits: 0 is the directory */

/* What cannot change but through the kernel, and what it is told of the change of. */
#define STAT_TIMEOUT 3600.0
#define LIVE_TIMEOUT 1.0
/* Names never change but through the kernel. */
#define ENTRY_TIMEOUT 3600.0

static const char *const reserved[] = {"task", "defaults"};

bool inode_is_reserved(const char *name)
{
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
        if (strcmp(reserved[i], name) == 0)
            return true;
    return file_index(top_files, top_files_count, name) >= 0;
}

static struct inode top_file(unsigned index)
{
    return (struct inode){.kind = INODE_TOP_FILE, .index = index, .type = &top_files[index]};
}

static struct inode run_file(struct run *run, unsigned index)
{
    return (struct inode){
        .kind = INODE_RUN_FILE, .run = run, .index = index, .type = &run_files[index]};
}

struct inode inode_find(const struct studentfs *fs, fuse_ino_t number)
{
    if (number == FUSE_ROOT_ID)
        return (struct inode){.kind = INODE_ROOT};
    if (number == TASK_INODE)
        return (struct inode){.kind = INODE_TASK};
    if (number >= FIRST_TOP_FILE && number < FIRST_TOP_FILE + top_files_count)
        return top_file((unsigned)number - FIRST_TOP_FILE);
    struct run *run = runs_by_serial(&fs->runs, number >> RUN_SHIFT);
    unsigned low = number & ((1u << RUN_SHIFT) - 1);
    if (!run || low > run_files_count)
        return (struct inode){.kind = INODE_NONE};
    return low == 0 ? (struct inode){.kind = INODE_RUN, .run = run} : run_file(run, low - 1);
}

fuse_ino_t inode_number(const struct inode *inode)
{
    switch (inode->kind) {
    case INODE_ROOT:
        return FUSE_ROOT_ID;
    case INODE_TASK:
        return TASK_INODE;
    case INODE_TOP_FILE:
        return FIRST_TOP_FILE + inode->index;
    case INODE_RUN:
        return inode->run->serial << RUN_SHIFT;
    case INODE_RUN_FILE:
        return (inode->run->serial << RUN_SHIFT) + 1 + inode->index;
    case INODE_NONE:
        break;
    }
    return 0;
}

static struct inode lookup_top(const struct studentfs *fs, const char *name)
{
    int index = file_index(top_files, top_files_count, name);
    if (index >= 0)
        return top_file((unsigned)index);
    if (strcmp(name, "task") == 0)
        return (struct inode){.kind = INODE_TASK};
    if (strcmp(name, "defaults") == 0)
        return (struct inode){.kind = INODE_RUN, .run = fs->runs.defaults};
    struct run *run = runs_by_name(&fs->runs, name);
    return (struct inode){.kind = run ? INODE_RUN : INODE_NONE, .run = run};
}

struct inode inode_lookup(const struct studentfs *fs, const struct inode *directory,
                          const char *name)
{
    if (directory->kind == INODE_ROOT)
        return lookup_top(fs, name);
    int index = directory->kind == INODE_RUN ? file_index(run_files, run_files_count, name) : -1;
    if (index < 0 || directory->run->removed || directory->run->unlinked & (1u << index))
        return (struct inode){.kind = INODE_NONE};
    return run_file(directory->run, (unsigned)index);
}

static void stat_run(const struct inode *inode, struct stat *st)
{
    const struct run *run = inode->run;
    st->st_uid = run->uid;
    st->st_gid = run->gid;
    st->st_ctim = st->st_mtim = st->st_atim = run->state == RUN_ENDED ? run->changed : run->made;
    if (inode->kind == INODE_RUN) {
        st->st_mode = S_IFDIR | run->mode;
        st->st_nlink = 2;
        return;
    }
    st->st_mode = S_IFREG | (inode->type->mode & run->mode);
    /*
     * No size while it grows or changes, as in procfs: a growing true size makes wc, diff and
     * others stop early. Once it is final it is told, so that tar keeps an ended run whole;
     * of a stream the page cache may then keep the content.
     */
    if (inode->type->is_stream && run->recordings[inode->type->stream].ended)
        st->st_size = (off_t)run->recordings[inode->type->stream].size;
    else if (inode->type->show && run->state == RUN_ENDED)
        st->st_size = (off_t)file_text_size(inode->type, run);
}

void inode_stat(const struct studentfs *fs, const struct inode *inode, struct stat *ret_stat)
{
    /* What cat, cp and many a language read and write at a time: of streams the most that FUSE
     * takes in one request. */
    bool is_bulk =
        inode->kind == INODE_RUN_FILE && (inode->type->is_stream || inode->type->is_input);
    *ret_stat = (struct stat){
        .st_ino = inode_number(inode), .st_nlink = 1, .st_blksize = is_bulk ? 1 << 20 : 4 << 10};
    if (inode->run) {
        stat_run(inode, ret_stat);
        return;
    }
    ret_stat->st_uid = fs->uid;
    ret_stat->st_gid = fs->gid;
    ret_stat->st_ctim = ret_stat->st_mtim = ret_stat->st_atim = fs->started;
    if (inode->kind == INODE_ROOT) {
        /* Everybody who gets in may make runs; sticky: and remove only his own. */
        ret_stat->st_mode = S_IFDIR | 01777;
        ret_stat->st_nlink = 2;
    } else if (inode->kind == INODE_TASK) {
        ret_stat->st_mode = S_IFLNK | 0777;
        ret_stat->st_size = (off_t)strlen(fs->options->task);
    } else {
        ret_stat->st_mode = S_IFREG | inode->type->mode;
    }
}

double inode_keep(const struct inode *inode, bool is_known)
{
    bool changes = inode->kind == INODE_RUN || inode->kind == INODE_RUN_FILE;
    if (!changes)
        return STAT_TIMEOUT;
    bool is_file = inode->kind == INODE_RUN_FILE;
    /*
     * A stream's size counts for the page cache, and the kernel drops what it was answered while
     * it was told to forget: whoever opened a stream as its run ended read nothing. So it asks
     * each time, and is never told.
     */
    if (is_file && inode->type->is_stream)
        return 0;
    inode->run->kept |= UINT64_C(1) << (is_file ? inode->index + 1 : 0);
    if (inode->run->state == RUN_ENDED)
        return STAT_TIMEOUT;
    return is_known || inode->run->state == RUN_NEW ? LIVE_TIMEOUT : 0;
}

fuse_ino_t inode_kept(const struct run *run, unsigned bit)
{
    return (run->serial << RUN_SHIFT) + bit;
}

struct fuse_entry_param inode_entry(const struct studentfs *fs, const struct inode *inode)
{
    struct fuse_entry_param entry = {.ino = inode_number(inode),
                                     .attr_timeout = inode_keep(inode, false),
                                     .entry_timeout = ENTRY_TIMEOUT};
    inode_stat(fs, inode, &entry.attr);
    return entry;
}

/* Cookies at the top: the fixed entries from 0 on, then FIRST_RUN plus the serial number. */
#define FIRST_RUN 64

static struct inode next_top(const struct studentfs *fs, uint64_t cookie, const char **ret_name,
                             uint64_t *ret_cookie)
{
    *ret_cookie = cookie + 1;
    if (cookie < top_files_count) {
        *ret_name = top_files[cookie].name;
        return top_file((unsigned)cookie);
    }
    if (cookie == top_files_count) {
        *ret_name = "task";
        return (struct inode){.kind = INODE_TASK};
    }
    if (cookie == top_files_count + 1) {
        *ret_name = "defaults";
        return (struct inode){.kind = INODE_RUN, .run = fs->runs.defaults};
    }
    struct run *run = runs_next(&fs->runs, cookie > FIRST_RUN ? cookie - FIRST_RUN : 0);
    if (!run)
        return (struct inode){.kind = INODE_NONE};
    *ret_name = run->name;
    *ret_cookie = FIRST_RUN + run->serial + 1;
    return (struct inode){.kind = INODE_RUN, .run = run};
}

static struct inode next_in_run(struct run *run, uint64_t cookie, const char **ret_name,
                                uint64_t *ret_cookie)
{
    while (cookie < run_files_count && run->unlinked & (1u << cookie))
        cookie++;
    if (run->removed || cookie >= run_files_count)
        return (struct inode){.kind = INODE_NONE};
    *ret_cookie = cookie + 1;
    *ret_name = run_files[cookie].name;
    return run_file(run, (unsigned)cookie);
}

struct inode inode_next(const struct studentfs *fs, const struct inode *directory, uint64_t cookie,
                        const char **ret_name, uint64_t *ret_cookie)
{
    if (directory->kind == INODE_ROOT)
        return next_top(fs, cookie, ret_name, ret_cookie);
    return next_in_run(directory->run, cookie, ret_name, ret_cookie);
}
