/* The messages: one encoder and one decoder over the tables of fields.c. */
#include "protocol/message.h"

#include "fields.h"
#include "protocol/msgpack_frame.h"

#include <errno.h>
#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_OTHERWISE 512 /* of a message, besides its long texts */

struct text text_of(const char *string)
{
    return (struct text){.data = string, .size = string ? strlen(string) : 0};
}

bool text_equals(struct text text, const char *string)
{
    size_t size = strlen(string);
    return text.data && text.size == size && memcmp(text.data, string, size) == 0;
}

static const char *const termination_names[TERMINATION_COUNT] = {
    [TERMINATION_EXITED] = "exited",     [TERMINATION_SIGNAL] = "signal",
    [TERMINATION_CPU_TIME] = "cpu_time", [TERMINATION_WALL_TIME] = "wall_time",
    [TERMINATION_MEMORY] = "memory",     [TERMINATION_DISK] = "disk",
    [TERMINATION_REMOVED] = "removed",   [TERMINATION_UNAVAILABLE] = "unavailable",
    [TERMINATION_FAILED] = "failed",
};

const char *termination_name(enum termination termination)
{
    return termination_names[termination];
}

enum termination termination_of(struct text name)
{
    unsigned termination = 0;
    while (termination < TERMINATION_COUNT && !text_equals(name, termination_names[termination]))
        termination++;
    return (enum termination)termination;
}

/* --- encoding --- */

static bool field_is_empty(const struct field *field, const struct message *message)
{
    const char *value = (const char *)message + field->offset;
    switch (field->kind) {
    case FIELD_BOOL:
        return !*(const bool *)(const void *)value;
    case FIELD_INT:
        return *(const int64_t *)(const void *)value == 0;
    case FIELD_FLAGS:
        return *(const unsigned *)(const void *)value == 0;
    case FIELD_MAP:
        for (const struct field *inner = field->fields; inner->key; inner++)
            if (!field_is_empty(inner, message))
                return false;
        return true;
    case FIELD_TEXT:
    case FIELD_TEXT_OR_NIL:
    case FIELD_BYTES:
    case FIELD_NAME:
        break;
    }
    return !((const struct text *)(const void *)value)->data;
}

static int pack_string(msgpack_packer *packer, const char *data, size_t size)
{
    int r = msgpack_pack_str(packer, size);
    return r < 0 ? r : msgpack_pack_str_body(packer, data, size);
}

static int pack_bytes(msgpack_packer *packer, const struct text *bytes)
{
    int r = msgpack_pack_bin(packer, bytes->size);
    return r < 0 || bytes->size == 0 ? r : msgpack_pack_bin_body(packer, bytes->data, bytes->size);
}

static int pack_flags(msgpack_packer *packer, const char *const *names, unsigned flags)
{
    int r = msgpack_pack_array(packer, (size_t)__builtin_popcount(flags));
    for (unsigned bit = 0; names[bit] && r == 0; bit++)
        if (flags & (1u << bit))
            r = pack_string(packer, names[bit], strlen(names[bit]));
    return r;
}

static int pack_fields(msgpack_packer *packer, const char *type, const struct field *fields,
                       const struct message *message);

static int pack_value(msgpack_packer *packer, const struct field *field,
                      const struct message *message)
{
    const void *value = (const char *)message + field->offset;
    const struct text *text = value;
    switch (field->kind) {
    case FIELD_BOOL:
        return *(const bool *)value ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
    case FIELD_INT:
        return msgpack_pack_int64(packer, *(const int64_t *)value);
    case FIELD_FLAGS:
        return pack_flags(packer, field->names, *(const unsigned *)value);
    case FIELD_MAP:
        return pack_fields(packer, NULL, field->fields, message);
    case FIELD_BYTES:
        return pack_bytes(packer, text);
    case FIELD_TEXT_OR_NIL:
        if (!text->data)
            return msgpack_pack_nil(packer);
        break;
    case FIELD_TEXT:
    case FIELD_NAME:
        break;
    }
    return pack_string(packer, text->data ? text->data : "", text->size);
}

/* The map of the fields, led by `type` where there is one. */
static int pack_fields(msgpack_packer *packer, const char *type, const struct field *fields,
                       const struct message *message)
{
    size_t n = type ? 1 : 0;
    for (const struct field *field = fields; field->key; field++)
        n += !field->extension || !field_is_empty(field, message);
    int r = msgpack_pack_map(packer, n);
    if (type && r == 0)
        r = pack_string(packer, "type", 4);
    if (type && r == 0)
        r = pack_string(packer, type, strlen(type));
    for (const struct field *field = fields; field->key && r == 0; field++) {
        if (field->extension && field_is_empty(field, message))
            continue;
        r = pack_string(packer, field->key, strlen(field->key));
        if (r == 0)
            r = pack_value(packer, field, message);
    }
    return r;
}

/* Enough for most: a block that outgrew its buffer again and again would be copied as often. */
static size_t expected_size(const struct message *message)
{
    size_t size = SIZE_OTHERWISE;
    for (const struct field *field = message_tables[message->type].fields; field->key; field++)
        if (field->kind == FIELD_BYTES || field->kind == FIELD_TEXT_OR_NIL)
            size +=
                ((const struct text *)(const void *)((const char *)message + field->offset))->size;
    return size;
}

int message_encode(const struct message *message, char **ret_data, size_t *ret_size)
{
    msgpack_sbuffer buffer;
    msgpack_packer packer;
    msgpack_sbuffer_init(&buffer);
    buffer.alloc = expected_size(message);
    buffer.data = malloc(buffer.alloc);
    if (!buffer.data)
        return -ENOMEM;
    msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
    if (pack_fields(&packer, message_tables[message->type].name,
                    message_tables[message->type].fields, message) < 0) {
        msgpack_sbuffer_destroy(&buffer);
        return -ENOMEM;
    }
    *ret_size = buffer.size;
    *ret_data = msgpack_sbuffer_release(&buffer);
    return 0;
}

/* --- decoding --- */

static bool object_text(const msgpack_object *object, struct text *ret_text)
{
    if (object->type == MSGPACK_OBJECT_STR)
        *ret_text = (struct text){object->via.str.ptr, object->via.str.size};
    else if (object->type == MSGPACK_OBJECT_BIN)
        *ret_text = (struct text){object->via.bin.ptr, object->via.bin.size};
    else
        return false;
    return true;
}

static const msgpack_object *map_get(const msgpack_object_map *map, const char *key)
{
    for (uint32_t i = 0; i < map->size; i++) {
        struct text name;
        if (object_text(&map->ptr[i].key, &name) && text_equals(name, key))
            return &map->ptr[i].val;
    }
    return NULL;
}

static int unpack_int(const msgpack_object *object, int64_t *ret_value)
{
    if (object->type == MSGPACK_OBJECT_POSITIVE_INTEGER && object->via.u64 <= INT64_MAX)
        *ret_value = (int64_t)object->via.u64;
    else if (object->type == MSGPACK_OBJECT_NEGATIVE_INTEGER)
        *ret_value = object->via.i64;
    else
        return -EPROTO;
    return 0;
}

/* Unknown names are ignored: a newer peer may know more than we do. */
static int unpack_flags(const msgpack_object *object, const char *const *names, unsigned *ret_flags)
{
    if (object->type != MSGPACK_OBJECT_ARRAY)
        return -EPROTO;
    for (uint32_t i = 0; i < object->via.array.size; i++) {
        struct text name;
        if (!object_text(&object->via.array.ptr[i], &name))
            return -EPROTO;
        for (unsigned bit = 0; names[bit]; bit++)
            if (text_equals(name, names[bit]))
                *ret_flags |= 1u << bit;
    }
    return 0;
}

static bool is_name(struct text text)
{
    return text.size > 0 && !memchr(text.data, '/', text.size) && !memchr(text.data, 0, text.size);
}

static int unpack_fields(const msgpack_object *object, const struct field *fields,
                         struct message *message);

static int unpack_value(const msgpack_object *object, const struct field *field,
                        struct message *message)
{
    void *value = (char *)message + field->offset;
    switch (field->kind) {
    case FIELD_BOOL:
        if (object->type != MSGPACK_OBJECT_BOOLEAN)
            return -EPROTO;
        *(bool *)value = object->via.boolean;
        return 0;
    case FIELD_INT:
        return unpack_int(object, value);
    case FIELD_FLAGS:
        return unpack_flags(object, field->names, value);
    case FIELD_MAP:
        return unpack_fields(object, field->fields, message);
    case FIELD_TEXT_OR_NIL:
        if (object->type == MSGPACK_OBJECT_NIL)
            return 0;
        return object_text(object, value) ? 0 : -EPROTO;
    case FIELD_TEXT:
    case FIELD_BYTES:
        return object_text(object, value) ? 0 : -EPROTO;
    case FIELD_NAME:
        break;
    }
    return object_text(object, value) && is_name(*(struct text *)value) ? 0 : -EPROTO;
}

static int unpack_fields(const msgpack_object *object, const struct field *fields,
                         struct message *message)
{
    if (object->type != MSGPACK_OBJECT_MAP)
        return -EPROTO;
    for (const struct field *field = fields; field->key; field++) {
        const msgpack_object *value = map_get(&object->via.map, field->key);
        int r = value ? unpack_value(value, field, message) : field->required ? -EPROTO : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

static int unpack_message(const msgpack_object *object, struct message *ret_message)
{
    struct text name;
    if (object->type != MSGPACK_OBJECT_MAP)
        return -EBADMSG;
    const msgpack_object *type = map_get(&object->via.map, "type");
    if (!type || !object_text(type, &name))
        return -EPROTO;
    for (unsigned i = 0; i < MESSAGE_TYPE_COUNT; i++) {
        if (!text_equals(name, message_tables[i].name))
            continue;
        struct message message = {.type = (enum message_type)i};
        int r = unpack_fields(object, message_tables[i].fields, &message);
        if (r == 0)
            *ret_message = message;
        return r;
    }
    return -ENOMSG;
}

int message_decode(const void *data, size_t size, struct message *ret_message)
{
    msgpack_zone zone;
    msgpack_object object;
    size_t offset = 0, whole;
    /* msgpack-c allocates what a length claims before it looks for it: see msgpack_frame.h. */
    int r = msgpack_frame_size(data, size, &whole);
    if (r < 0 || whole != size)
        return r == -ENOMEM ? r : -EBADMSG;
    if (!msgpack_zone_init(&zone, MSGPACK_ZONE_CHUNK_SIZE))
        return -ENOMEM;
    r = msgpack_unpack(data, size, &offset, &zone, &object) == MSGPACK_UNPACK_SUCCESS
            ? unpack_message(&object, ret_message)
            : -EBADMSG;
    msgpack_zone_destroy(&zone);
    return r;
}
