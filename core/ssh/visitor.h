/*
 * One connection, in a process of its own: key exchange, login, one session, end. It is the
 * only part that reads what comes from the network, and knows the password not even after the
 * login: the door (door.h) is asked whether a password is right.
 */
#pragma once

#include <libssh/libssh.h>

#define TRIES_MAX    3 /* passwords per connection */
#define NAME_MAX_SSH 64
#define PASSWORD_MAX 128

/* What the door is asked, and what it answers: one byte, with the socket to init where it is
 * right. */
struct login {
    char user[NAME_MAX_SSH], password[PASSWORD_MAX]; /* terminated */
};
enum { LOGIN_WRONG, LOGIN_RIGHT };

/* Takes the connection. door: the socket on which it asks. The login is due in so many seconds. */
_Noreturn void visitor_serve(ssh_key key, int connection, int door, unsigned login_s);
