/* What a run's client says, does, and leaves. */
#include "run_inside.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PLACEHOLDER_LETTER 'p' /* as a client's names of files begin */

static void on_peer_asks(struct peer *peer)
{
    struct run *run = peer->owner;
    if (relay_is_open(&run->relay))
        relay_go_on(&run->relay);
}

static void on_peer_acknowledges(struct peer *peer, const struct message_dummy *dummy)
{
    struct run *run = peer->owner;
    if (relay_is_open(&run->relay))
        relay_acknowledged(&run->relay, dummy);
}

/*
 * Nobody waits for the return value. init ends the run once its connection closes: the client's
 * own in fd mode, which the kernel has closed, the relay's here.
 */
static void on_peer_gone(struct peer *peer)
{
    struct run *run = peer->owner;
    if (relay_is_open(&run->relay))
        relay_disconnect(&run->relay);
    if (run->life == LIFE_DONE) {
        run_tell_end(run);
    } else if (run->life == LIFE_WAITING) {
        snprintf(run->refusal, REASON_MAX, "the client has gone");
        run_event(run, LIFE_REFUSED);
    }
}

const struct peer_ops run_peer_ops = {
    .asks = on_peer_asks, .acknowledges = on_peer_acknowledges, .gone = on_peer_gone};

static void refuse_command(struct run *run, const char *reason)
{
    snprintf(run->refusal, REASON_MAX, "run_student_init: %s", reason);
    run_event(run, LIFE_REFUSED);
}

static bool is_runs_own(const struct run *run, const struct message_run_student_command *command)
{
    return text_equals(command->student_container_id, run->container_id) &&
           text_equals(command->socket_id, run->socket_id);
}

/* -EALREADY, or it was refused. */
static int give_command(struct run *run, const struct message_run_student_command *command)
{
    int r = run->life != LIFE_HANDOVER   ? -EALREADY
            : !is_runs_own(run, command) ? -ESTALE
                                         : relay_command(&run->relay, command);
    if (r == -ESTALE)
        refuse_command(run, "it names another run");
    else if (r < 0 && r != -EALREADY)
        refuse_command(run, strerror(-r));
    return r;
}

void run_take_command(struct peer *peer, const struct message_run_student_command *command)
{
    static const struct message answer = {.type = MESSAGE_DUMMY};
    struct run *run = peer->owner;
    peer->asks++; /* it is answered as any request is: by what is to be said next */
    if (run->life == LIFE_WAITING) {
        refuse_command(run, "the run has not been started yet");
        return;
    }
    int r = relay_is_open(&run->relay) ? give_command(run, command) : -EALREADY;
    if (r == -EALREADY)
        log_warning("run_student_init for a run that has its command; ignored");
    else if (r < 0)
        return;
    peer_send(peer, &answer);
    if (relay_is_open(&run->relay))
        relay_go_on(&run->relay);
}

static struct run *find_run(struct run_host *host, struct text container_id)
{
    list_for_each (item, &host->runs) {
        struct run *run = container_of(item, struct run, link);
        if (text_equals(container_id, run->container_id))
            return run;
    }
    return NULL;
}

void run_take_input(struct run_host *host, struct peers *peers, const struct received *received)
{
    struct run *run = find_run(host, received->message->block.student_container_id);
    if (run && relay_is_open(&run->relay))
        inflow_take(&run->relay.input, received);
    else
        inflow_refuse(peers, received->identity);
}

void run_take_ssh(struct run_host *host, const struct message_ssh_student *asked,
                  struct message_ok *ret_ok)
{
    const struct run *run = find_run(host, asked->container_id);
    *ret_ok = (struct message_ok){0};
    if (!run || !run_ssh_tell(&run->ssh, asked, ret_ok))
        log_warning("ssh_student for a session that there is not; answered without a place");
}

void run_take_signal(struct run_host *host, const struct message_student_signal *signal)
{
    struct run *run = find_run(host, signal->student_container_id);
    if (run && relay_is_open(&run->relay))
        relay_signal(&run->relay, signal);
}

void run_remove_files(const struct run_host *host, const char *socket_id)
{
    int directory = host->sockets_fd;
    char path[NAME_MAX + 1];
    struct stat st;
    if (*socket_id != PLACEHOLDER_LETTER ||
        snprintf(path, sizeof(path), "%s.sock", socket_id) >= (int)sizeof(path))
        return;
    if (fstatat(directory, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISSOCK(st.st_mode))
        unlinkat(directory, path, 0);
    if (fstatat(directory, socket_id, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
        st.st_size == 0)
        unlinkat(directory, socket_id, 0);
}

void run_answer_ended(struct run_host *host)
{
    list_for_each_safe (item, following, &host->runs) {
        struct run *run = container_of(item, struct run, link);
        if (run->life == LIFE_DONE)
            run_tell_end(run);
    }
}
