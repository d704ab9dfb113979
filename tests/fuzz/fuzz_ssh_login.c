/*
 * The ssh step of the hand-over as the client takes it: a length and a map, cut anywhere, from an
 * init that says anything. A login is known with a user and a password, or refused; what follows it
 * is passed over. There is no router to ask.
 */
#include "engine.h"
#include "fuzz.h"
#include "ssh_login.h"

#include <errno.h>
#include <string.h>

int engine_socket(struct studentrun_engine *engine, void **ret_socket)
{
    (void)engine;
    (void)ret_socket;
    return -EMFILE;
}

static void on_login(struct ssh_login *login)
{
    CHECK(login->user && *login->user && login->password && *login->password);
}

/* The first byte says how the others are cut. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct studentrun_engine engine;
    struct ssh_login login;
    if (size < 1)
        return 0;
    if (!engine.loop.wake_fd)
        CHECK(loop_init(&engine.loop) == 0);
    CHECK(ssh_login_open(&login, &engine, on_login) == 0);
    int r = 0;
    for (size_t at = 1, step = data[0] + 1u; at < size && r == 0; at += step)
        r = ssh_login_read(&login, "c1", (const char *)data + at,
                           step < size - at ? step : size - at);
    CHECK(r == 0 || r == -EBADMSG || r == -ENOMEM);
    if (r == 0 && login.is_known)
        on_login(&login);
    ssh_login_close(&login);
    return 0;
}
