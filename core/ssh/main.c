/*
 * studentfs-ssh: the ssh server of one run, outside of its sandbox.
 *
 *   client ── TCP ──▶ listener ─▶ visitor ── channel's bytes ──▶ terminal, pipes ─┐
 *                        │ door ──── who is in ────▶ session socket ─▶ student-init ─▶ shell
 *   agent ── descriptor 3 ──┘ password, the two sockets                    (in the sandbox)
 *
 * The agent starts it when a run's command has ended, in a sandbox of its own: nothing of the
 * machine but its libraries, no network but the listener that it is handed, a user of its own.
 * Nothing of the student's runs here and nothing here is in the student's reach: keys and
 * password are not, and it works with whatever is in the student's root file system. It in
 * turn can do no more than to have init start programs as the student.
 *
 * It makes a host key, is told the password and given the sockets, says that it is ready, and
 * ends when init closes the session socket, or the agent descriptor 3. It is process 1 of its
 * namespace: the processes of the connections end with it.
 */
#include "base/fdpass.h"
#include "base/number.h"
#include "door.h"
#include "protocol/message.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define CONTROL_FD 3
#define SETUP_MAX  1024 /* bytes of the agent's message: a name and a password */
/* Of each process; libssh's and a connection's buffers take a few megabytes. */
#define MEMORY_MAX (UINT64_C(256) << 20)
#define FILES_MAX  128

static _Noreturn void give_up(const char *what, const char *why)
{
    fprintf(stderr, "studentfs-ssh: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

/* Started by root it is told who to be; else bwrap has seen to it. */
static void become_user(const char *text)
{
    uint64_t id;
    if (number_parse(text, 1, UINT32_MAX - 1, &id) < 0)
        give_up(text, "no user's number");
    if (setgroups(0, NULL) < 0 || setresgid((gid_t)id, (gid_t)id, (gid_t)id) < 0 ||
        setresuid((uid_t)id, (uid_t)id, (uid_t)id) < 0)
        give_up("cannot become an ordinary user", strerror(errno));
}

static void bound_itself(void)
{
    const struct rlimit core = {0, 0}, files = {FILES_MAX, FILES_MAX};
    setrlimit(RLIMIT_CORE, &core);
    setrlimit(RLIMIT_NOFILE, &files);
#ifndef __SANITIZE_ADDRESS__ /* which maps terabytes of shadow */
    const struct rlimit memory = {MEMORY_MAX, MEMORY_MAX};
    setrlimit(RLIMIT_AS, &memory);
#endif
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    signal(SIGPIPE, SIG_IGN);
}

static void copy_text(struct text text, char *to, size_t size)
{
    if (!text.data || text.size >= size)
        give_up("descriptor 3", "a name or password that is too long");
    memcpy(to, text.data, text.size);
}

/* The one thing that the agent says: user and password, with session socket and listener. */
static void receive_setup(struct setup *ret_setup)
{
    struct login *right = &ret_setup->right;
    int fds[2] = {-1, -1};
    char bytes[SETUP_MAX];
    struct message message;
    size_t n_fds = 0;
    struct pollfd readable = {.fd = CONTROL_FD, .events = POLLIN};
    poll(&readable, 1, -1);
    ssize_t n = fdpass_receive(CONTROL_FD, bytes, sizeof(bytes), fds, 2, &n_fds, NULL);
    if (n == 0)
        exit(EXIT_SUCCESS);
    if (n < 0 || n_fds != 2 || message_decode(bytes, (size_t)n, &message) < 0 ||
        message.type != MESSAGE_INIT_SSH || message.init_ssh.login_s <= 0)
        give_up("descriptor 3", "no agent's socket");
    *ret_setup = (struct setup){
        .login_s = (unsigned)message.init_ssh.login_s, .session = fds[0], .listener = fds[1]};
    copy_text(message.init_ssh.user, right->user, sizeof(right->user));
    copy_text(message.init_ssh.password, right->password, sizeof(right->password));
    explicit_bzero(bytes, sizeof(bytes));
}

static void on_agent(struct watch *watch, uint32_t events)
{
    (void)events;
    loop_stop(watch->loop); /* it says nothing more: it has closed it */
}

static int serve(struct door *door, const struct setup *setup, ssh_key key)
{
    static const char ready = 'r';
    struct loop loop;
    struct watch agent = {0};
    int r = loop_init(&loop);
    if (r == 0)
        r = watch_add(&loop, &agent, CONTROL_FD, EPOLLIN, on_agent);
    if (r == 0)
        r = door_open(door, &loop, setup, key);
    if (r == 0 && fdpass_send(CONTROL_FD, &ready, 1, NULL, 0) != 1)
        r = -EPIPE;
    return r < 0 ? r : loop_run(&loop);
}

int main(int argc, char **argv)
{
    static struct door door;
    struct setup setup;
    ssh_key key;
    if (argc > 1)
        become_user(argv[1]);
    bound_itself();
    if (ssh_init() != SSH_OK || ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, &key) != SSH_OK)
        give_up("libssh", "no host key can be made");
    receive_setup(&setup);
    int r = serve(&door, &setup, key);
    if (r < 0)
        give_up("cannot serve", strerror(-r));
    return EXIT_SUCCESS;
}
