/* Which file a command's first word names: execvp() without its shell for files of no format. */
#pragma once

/*
 * Executes words[0], as it is where it has a slash, else from the directories of PATH, and
 * returns only on failure, a negative errno: -ENOENT: there is no such command; -EACCES: no
 * file of that name may be executed; -ELIBACC: there is the file, but not the interpreter
 * that it names, its #! line's or its loader; or as execve() says.
 */
int program_execute(char *const words[]);

/* The return value, and for a person what such an error is. */
int program_error_retval(int error);
const char *program_error(int error);
