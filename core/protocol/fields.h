/* The keys of each message as a table: what message.c encodes and decodes by. */
#pragma once

#include "protocol/message.h"

enum field_kind {
    FIELD_BOOL, /* bool */
    FIELD_INT,  /* int64_t */
    FIELD_TEXT, /* struct text, sent as str */
    FIELD_TEXT_OR_NIL,
    FIELD_BYTES, /* struct text, sent as bin */
    FIELD_NAME,  /* struct text that becomes a file's name: not empty, no '/', no NUL */
    FIELD_FLAGS, /* unsigned, as an array of the names of the bits set */
    FIELD_MAP,   /* a map of fields of its own, which lie in the same struct */
};

struct field {
    const char *key;
    enum field_kind kind;
    size_t offset;
    bool required;              /* receiving without it is -EPROTO; else it stays 0, false or nil */
    bool extension;             /* left out where it is 0, false or nil */
    const char *const *names;   /* FIELD_FLAGS, NULL-terminated */
    const struct field *fields; /* FIELD_MAP, up to a NULL key */
};

struct message_table {
    const char *name;
    const struct field *fields; /* in the order in which they are sent, up to a NULL key */
};

extern const struct message_table message_tables[MESSAGE_TYPE_COUNT];
