/* The environments. */
#include "environment.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What is said about it to bwrap, for each of some thirty directories, has a bound. */
#define ROOT_MAX       1024
#define NAME_MAX_BYTES 255

static int check_root(const char *root)
{
    struct stat st;
    if (stat(root, &st) < 0)
        return -errno;
    return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

static bool is_taken(const struct environments *environments, const char *name)
{
    const struct environment *found;
    return environments_find(environments, text_of(name), &found);
}

int environments_add(struct environments *environments, const char *text)
{
    size_t size = strcspn(text, "=");
    if (size == 0 || size > NAME_MAX_BYTES || !text[size] || !text[size + 1])
        return -EINVAL;
    if (environments->n == ENVIRONMENTS_MAX)
        return -E2BIG;
    _cleanup_free_ char *name = strndup(text, size);
    _cleanup_free_ char *root = realpath(text + size + 1, NULL);
    if (!name || !root)
        return -errno;
    int r = strlen(root) > ROOT_MAX ? -E2BIG : check_root(root);
    if (r == 0 && is_taken(environments, name))
        r = -EEXIST;
    if (r < 0)
        return r;
    environments->items[environments->n++] = (struct environment){.name = name, .root = root};
    name = root = NULL;
    return 0;
}

bool environments_find(const struct environments *environments, struct text name,
                       const struct environment **ret_environment)
{
    *ret_environment = NULL;
    if (name.size == 0 || text_equals(name, ENVIRONMENT_DEFAULT))
        return true;
    for (size_t i = 0; i < environments->n; i++) {
        if (text_equals(name, environments->items[i].name)) {
            *ret_environment = &environments->items[i];
            return true;
        }
    }
    return false;
}

void environments_print(const struct environments *environments, char *text, size_t size)
{
    int used = snprintf(text, size, "%s", ENVIRONMENT_DEFAULT);
    for (size_t i = 0; i < environments->n && used >= 0 && (size_t)used < size; i++)
        used += snprintf(text + used, size - (size_t)used, ", %s", environments->items[i].name);
}
