/* Files that are texts: rendered once per open, written one whole value at a time. */
#include "files.h"

#include "run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * The kernel hands on at most this much in one write (max_write of the mount), so what is
 * as long may be a part: longer than any command that it would execute in one argument.
 */
#define COMMAND_MAX ((size_t)1 << 20)

/* A stdio buffer is a multiple of this: bash and others write a longer text in such pieces. */
#define PIECE_UNIT 1024

int file_index(const struct file_type *files, unsigned count, const char *name)
{
    for (unsigned i = 0; i < count; i++)
        if (strcmp(files[i].name, name) == 0)
            return (int)i;
    return -ENOENT;
}

static int render(const struct file_type *type, const struct run *run, char **ret_text,
                  size_t *ret_size)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return -ENOMEM;
    int r = type->show(type, run, out);
    if (fclose(out) != 0)
        r = -ENOMEM;
    if (r < 0) {
        free(text);
        return r;
    }
    *ret_text = text;
    *ret_size = size;
    return 0;
}

int file_read_text(struct handle *handle, fuse_req_t request, size_t size, off_t offset)
{
    int r = handle->text ? 0 : render(handle->type, handle->run, &handle->text, &handle->text_size);
    if (r == 0)
        handle_reply_text(handle, request, size, offset);
    return r;
}

size_t file_text_size(const struct file_type *type, const struct run *run)
{
    char *text;
    size_t size;
    if (render(type, run, &text, &size) < 0)
        return 0;
    free(text);
    return size;
}

/* Adds to what came before from the same open file. */
static int add_piece(struct handle *handle, const struct value *value)
{
    if (handle->piece_size + value->size >= COMMAND_MAX)
        return -E2BIG;
    char *piece = realloc(handle->piece, handle->piece_size + value->size);
    if (!piece)
        return -ENOMEM;
    memcpy(piece + handle->piece_size, value->text, value->size);
    handle->piece = piece;
    handle->piece_size += value->size;
    return 0;
}

static void drop_piece(struct handle *handle)
{
    free(handle->piece);
    handle->piece = NULL;
    handle->piece_size = 0;
}

static int store_command(struct handle *handle, pid_t writer)
{
    struct value whole = {handle->piece, handle->piece_size, writer, NULL};
    if (whole.size > 0 && whole.text[whole.size - 1] == '\n')
        whole.size--;
    return handle->type->store(handle->type, handle->run, &whole);
}

/* teardown_script: a command as well, which starts nothing. */
static bool is_setting(const struct handle *handle)
{
    return handle->type->setting.kind != SETTING_NONE;
}

/*
 * A command may come in pieces: where a quote is open or it ends in a backslash (a setting is a
 * whole value: then it is none), and where a full stdio buffer was written. What is wrong with it
 * is said by this write.
 */
static int take_command(struct handle *handle, const struct value *value)
{
    if (handle->run->state != RUN_NEW)
        return -EBUSY;
    int r = add_piece(handle, value);
    if (r < 0) {
        drop_piece(handle);
        return r;
    }
    bool full_buffer = value->size % PIECE_UNIT == 0 && value->text[value->size - 1] != '\n';
    r = full_buffer ? -EAGAIN : store_command(handle, value->writer);
    if (!full_buffer && r == -EAGAIN && is_setting(handle))
        r = -EINVAL;
    if (!is_setting(handle))
        handle->run->incomplete = r == -EAGAIN;
    if (r == -EAGAIN)
        return 0;
    drop_piece(handle);
    return r;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

int file_store_text(struct handle *handle, const struct value *value)
{
    struct value inner = *value;
    if (inner.size == 0)
        return 0;
    if (handle->type->is_command)
        return take_command(handle, value);
    while (inner.size > 0 && is_space(inner.text[inner.size - 1]))
        inner.size--;
    while (inner.size > 0 && is_space(*inner.text)) {
        inner.text++;
        inner.size--;
    }
    return handle->type->store(handle->type, handle->run, &inner);
}

int file_flush(struct handle *handle, pid_t writer)
{
    if (!handle->piece)
        return 0;
    int r = store_command(handle, writer);
    if (r == -EAGAIN)
        return -EINVAL;
    if (!is_setting(handle))
        handle->run->incomplete = false;
    drop_piece(handle);
    return r;
}

void file_close(struct handle *handle)
{
    if (handle->piece && !is_setting(handle) && handle->run->state == RUN_NEW)
        run_fail(handle->run,
                 "the command is not complete: a quote is open or it ends in a backslash");
    drop_piece(handle);
}
