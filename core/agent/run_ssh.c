/* A run's ssh session in the agent. */
#include "run_ssh.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Without a server: why. */
static void answer_init(struct run_ssh *ssh, int session, const char *reason)
{
    const struct message message = {.type = MESSAGE_INIT_SSH,
                                    .init_ssh = {.reason = text_of(reason)}};
    if (sandbox_send(ssh->sandbox, &message, session) < 0)
        sandbox_kill(ssh->sandbox);
}

static void tell_client(const struct run_ssh *ssh)
{
    const struct message message = {.type = MESSAGE_SSH_STUDENT,
                                    .ssh_student = {.ssh_user = text_of(ssh_user(ssh->server)),
                                                    .ssh_key = text_of(ssh_password(ssh->server)),
                                                    .container_id = text_of(ssh->container_id),
                                                    .host = text_of(ssh->host->name),
                                                    .port = ssh_port(ssh->server)}};
    if (ssh->peer)
        peer_send(ssh->peer, &message);
}

static void on_server(struct ssh *server, int session)
{
    struct run_ssh *ssh = ssh_owner(server);
    if (session < 0) {
        const char *why = ssh_last_words(server);
        log_warning("ssh: %s", why);
        answer_init(ssh, -1, why);
        return;
    }
    answer_init(ssh, session, NULL);
    close(session);
    tell_client(ssh);
}

void run_ssh_begin(struct run_ssh *ssh, struct sandbox *sandbox, struct peer *peer,
                   const struct message_init_ssh *asked)
{
    char user[32], password[64];
    if (!ssh->host || ssh->asked_ns || !asked->user.data || !asked->password.data)
        return;
    ssh->sandbox = sandbox;
    ssh->peer = peer;
    ssh->asked_ns = monotonic_ns();
    snprintf(user, sizeof(user), "%.*s", (int)asked->user.size, asked->user.data);
    snprintf(password, sizeof(password), "%.*s", (int)asked->password.size, asked->password.data);
    int r = ssh_new(ssh->host, user, password, on_server, ssh, &ssh->server);
    if (r < 0)
        answer_init(ssh, -1, strerror(-r));
}

void run_ssh_visited(struct run_ssh *ssh)
{
    if (ssh->asked_ns && !ssh->visited_ns)
        ssh->visited_ns = monotonic_ns();
}

void run_ssh_end(struct run_ssh *ssh)
{
    ssh_free(ssh->server);
    ssh->server = NULL;
}

bool run_ssh_is_waiting(const struct run_ssh *ssh)
{
    return ssh->asked_ns && !ssh->visited_ns;
}

uint64_t run_ssh_waited_ns(const struct run_ssh *ssh)
{
    if (!ssh->asked_ns)
        return 0;
    return (ssh->visited_ns ? ssh->visited_ns : monotonic_ns()) - ssh->asked_ns;
}

bool run_ssh_tell(const struct run_ssh *ssh, const struct message_ssh_student *asked,
                  struct message_ok *ret_ok)
{
    if (!ssh->server || !text_equals(asked->ssh_user, ssh_user(ssh->server)) ||
        !text_equals(asked->ssh_key, ssh_password(ssh->server)))
        return false;
    *ret_ok = (struct message_ok){.host = text_of(ssh->host->name), .port = ssh_port(ssh->server)};
    return true;
}
