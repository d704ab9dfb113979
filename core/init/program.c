/* Finding and executing a program. */
#include "program.h"

#include "protocol/message.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_OTHERWISE "/usr/local/bin:/usr/bin:/bin"

#define RETVAL_NOT_EXECUTABLE 126 /* a shell's */
#define RETVAL_NOT_FOUND      127

static int execute(const char *path, char *const words[])
{
    execve(path, words, environ);
    int error = errno;
    /* The same error for a file that is not there, and for one whose interpreter is not. */
    return error == ENOENT && access(path, F_OK) == 0 ? -ELIBACC : -error;
}

/* Whether the next directory may have a better file of that name. */
static bool is_elsewhere(int error)
{
    return error == -ENOENT || error == -ENOTDIR || error == -EACCES || error == -ELIBACC ||
           error == -ENAMETOOLONG;
}

int program_execute(char *const words[])
{
    if (strchr(words[0], '/') || !*words[0])
        return execute(words[0], words);
    const char *at = getenv("PATH");
    if (!at)
        at = PATH_OTHERWISE;
    int found = -ENOENT; /* the first file's error is the one to tell */
    for (;;) {
        char path[PATH_MAX];
        size_t size = strcspn(at, ":");
        int n = snprintf(path, sizeof(path), "%.*s%s%s", (int)size, at, size ? "/" : "", words[0]);
        int r = n < (int)sizeof(path) ? execute(path, words) : -ENAMETOOLONG;
        if (!is_elsewhere(r))
            return r;
        if (found == -ENOENT && (r == -EACCES || r == -ELIBACC))
            found = r;
        if (!at[size])
            return found;
        at += size + 1;
    }
}

static const struct row {
    int error;
    int retval;
    const char *text;
} errors[] = {
    {ENOENT, RETVAL_NOT_FOUND, "command not found"},
    {ENOTDIR, RETVAL_NOT_FOUND, "command not found"},
    {ENAMETOOLONG, RETVAL_NOT_FOUND, "command not found (the name is too long)"},
    {EACCES, RETVAL_NOT_EXECUTABLE, "cannot be executed (no permission, or a directory)"},
    {ENOEXEC, RETVAL_NOT_EXECUTABLE, "not an executable format (no #! line?)"},
    {ELIBACC, RETVAL_NOT_EXECUTABLE,
     "its interpreter (the #! line's, or the loader) does not exist"},
    {ELIBBAD, RETVAL_NOT_EXECUTABLE, "its interpreter is not an executable format"},
    {EINVAL, RETVAL_NOT_EXECUTABLE, "not an executable format"},
    {ETXTBSY, RETVAL_NOT_EXECUTABLE, "cannot be executed while it is open for writing"},
    {ELOOP, RETVAL_NOT_EXECUTABLE, "cannot be executed (too many links or interpreters)"},
    {E2BIG, RETVAL_FAILED, "the command is longer than the kernel executes"},
};

static const struct row *row_of(int error)
{
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        if (errors[i].error == -error)
            return &errors[i];
    return NULL;
}

int program_error_retval(int error)
{
    const struct row *row = row_of(error);
    return row ? row->retval : RETVAL_FAILED;
}

const char *program_error(int error)
{
    const struct row *row = row_of(error);
    return row ? row->text : strerrordesc_np(-error);
}
