/*
 * The environments that a run may choose from by `container`: each an unpacked root file
 * system, whose directories the sandbox shows in place of the machine's programs. The default
 * one, which is the machine's own, is none of them: where an environment is asked for, NULL.
 */
#pragma once

#include "protocol/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define ENVIRONMENT_DEFAULT "default"
#define ENVIRONMENTS_MAX    64 /* of a command line; more want a configuration file */

struct environment {
    char *name;
    char *root; /* absolute, with no links in it */
};

struct environments {
    struct environment items[ENVIRONMENTS_MAX];
    size_t n;
};

/*
 * Takes "NAME=ROOTFS". -EINVAL: not of that form; -EEXIST: the name is taken; -E2BIG: too many, or
 * a path that is too long; -ENOTDIR and what realpath(3) gives.
 */
int environments_add(struct environments *environments, const char *text);

/* Empty and nil stand for the default. Returns whether there is such a one. */
bool environments_find(const struct environments *environments, struct text name,
                       const struct environment **ret_environment);
/* "default, NAME, NAME": for whoever asked for another. */
void environments_print(const struct environments *environments, char *text, size_t size);
