/* The files at the top of the mount. */
#include "caller.h"
#include "events.h"
#include "files.h"
#include "overview.h"
#include "studentfs.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

static const char readme[] =
    "Each directory here is one run of a student's program, used once.\n"
    "\n"
    "  mkdir t1                                 make a run\n"
    "  echo 5 > t1/time_limit                   settings first, if any\n"
    "  echo 'python3 student/sort.py' > t1/cmd  start it; a shell: sh -c '...'\n"
    "  cat input.txt > t1/stdin                 its input; none: `: > t1/stdin`\n"
    "  cat t1/stdout t1/stderr                  its output, until it ends\n"
    "  cat t1/transcript                        all of it in order, with times\n"
    "  cat t1/retval                            wait for its exit code\n"
    "  cat t1/status t1/usage                   what is going on, without waiting\n"
    "  echo t2 > t1/peer                        wire both together, before they start\n"
    "  echo TERM > t1/signal                    send it a signal\n"
    "  cat t1/ssh_login                         where t1/ssh is 1: how to come in\n"
    "  rm -r t1                                 remove it; kills what still goes on\n"
    "\n"
    "  cat new                                  make a run and tell its name\n"
    "  cat runs                                 all of them, a line each\n"
    "  head -n 1 events                         one state; cat: all, then each change\n"
    "  echo 5 > defaults/time_limit             for runs made from now on\n"
    "  ls -l task                               the task's directory; its student/\n"
    "                                           is /task/student to the program\n"
    "\n"
    "retval: the program's own, or 128+N killed by signal N, 251 not available here,\n"
    "252 out of memory, 253 out of time, 254 it could not be run: see status.\n"
    "Settings (0: the default): container time_limit hard_time_limit memory_limit\n"
    "share_network working_dir teardown_script stdout_err_fuse output_limit stdin_eof\n"
    "start_student_as_root ssh\n"
    "\n"
    "See man 5 studentfs.\n";

static int readme_show(const struct file_type *type, const struct run *run, FILE *out)
{
    (void)type, (void)run;
    return fputs(readme, out) < 0 ? -ENOMEM : 0;
}

/* Reading it makes a run, which belongs to the reader; once per open. */
static int new_read(struct handle *handle, fuse_req_t request, size_t size, off_t offset)
{
    struct studentfs *fs = fuse_req_userdata(request);
    const struct fuse_ctx *who = fuse_req_ctx(request);
    if (!handle->text) {
        struct run *run;
        int r = runs_add_new(&fs->runs, who->uid, who->gid, 0777 & ~caller_umask(who->pid), &run);
        if (r < 0)
            return r;
        int n = asprintf(&handle->text, "%s\n", run->name);
        if (n < 0) {
            handle->text = NULL;
            runs_remove(&fs->runs, run);
            return -ENOMEM;
        }
        handle->text_size = (size_t)n;
    }
    handle_reply_text(handle, request, size, offset);
    return 0;
}

/* --- events --- */

static int events_open(struct handle *handle, fuse_req_t request)
{
    struct studentfs *fs = fuse_req_userdata(request);
    struct viewer viewer;
    viewer_of(request, &viewer);
    handle->events = event_reader_new(&fs->runs.events, &viewer);
    if (!handle->events)
        return -ENOMEM;
    list_append(&fs->runs.events.handles, &handle->link);
    return 0;
}

static int events_read(struct handle *handle, fuse_req_t request, size_t size, off_t offset)
{
    return event_reader_read(handle->events, request, size, offset);
}

static struct list *events_waiting(const struct handle *handle)
{
    return &event_reader_events(handle->events)->waiting;
}

static unsigned events_poll(const struct handle *handle)
{
    return event_reader_is_readable(handle->events) ? POLLIN | POLLRDNORM : 0;
}

const struct file_type top_files[] = {
    {.name = "README", .mode = 0444, .show = readme_show},
    {.name = "new", .mode = 0444, .read = new_read},
    {.name = "runs", .mode = 0444, .read = overview_read_runs},
    {.name = "metrics", .mode = 0444, .read = overview_read_metrics},
    {.name = "events",
     .mode = 0444,
     .open = events_open,
     .read = events_read,
     .waiting = events_waiting,
     .poll = events_poll},
};
const unsigned top_files_count = sizeof(top_files) / sizeof(top_files[0]);
