/* Bytes as a piece of one line of text. */
#include "base/escape.h"

#include <stdbool.h>
#include <string.h>

static bool is_within(unsigned char c, unsigned char low, unsigned char high)
{
    return c >= low && c <= high;
}

/* Of Unicode, what separates lines or has a piece of them go the other way round. */
static bool is_turning(const unsigned char *at)
{
    bool is_mark = at[0] == 0xd8 && at[1] == 0x9c; /* U+061C */
    /* U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069 */
    return is_mark ||
           (at[0] == 0xe2 && at[1] == 0x80 &&
            (is_within(at[2], 0x8e, 0x8f) || is_within(at[2], 0xa8, 0xae))) ||
           (at[0] == 0xe2 && at[1] == 0x81 && is_within(at[2], 0xa6, 0xa9));
}

/* The length of the character of UTF-8 (RFC 3629) that begins here, beyond ASCII; 0: none does. */
static size_t sequence(const unsigned char *at, size_t left)
{
    size_t length = is_within(*at, 0xc2, 0xdf)   ? 2
                    : is_within(*at, 0xe0, 0xef) ? 3
                    : is_within(*at, 0xf0, 0xf4) ? 4
                                                 : 0;
    if (length == 0 || length > left)
        return 0;
    for (size_t i = 1; i < length; i++)
        if (!is_within(at[i], 0x80, 0xbf))
            return 0;
    bool wrong = (at[0] == 0xc2 && at[1] < 0xa0)     /* U+0080 to U+009F: controls */
                 || (at[0] == 0xe0 && at[1] < 0xa0)  /* overlong */
                 || (at[0] == 0xed && at[1] >= 0xa0) /* surrogates */
                 || (at[0] == 0xf0 && at[1] < 0x90)  /* overlong */
                 || (at[0] == 0xf4 && at[1] >= 0x90) /* above U+10FFFF */
                 || is_turning(at);
    return wrong ? 0 : length;
}

size_t escape_plain_length(const char *text, size_t size)
{
    const unsigned char *at = (const unsigned char *)text;
    if (size == 0)
        return 0;
    return is_within(*at, ' ', '~') ? 1 : sequence(at, size);
}

static size_t escape_byte(unsigned char c, char *out)
{
    static const char known[] = "\n\t\r\\", names[] = "ntr\\";
    const char *found = c ? strchr(known, c) : NULL;
    if (found) {
        out[0] = '\\';
        out[1] = names[found - known];
        return 2;
    }
    if (is_within(c, ' ', '~')) {
        out[0] = (char)c;
        return 1;
    }
    static const char digits[] = "0123456789abcdef";
    memcpy(out, (char[]){'\\', 'x', digits[c >> 4], digits[c & 15]}, 4);
    return 4;
}

size_t escape(const char *data, size_t size, char *out)
{
    const unsigned char *at = (const unsigned char *)data;
    size_t n = 0;
    while (size > 0) {
        size_t length = sequence(at, size);
        if (length > 0) {
            memcpy(out + n, at, length);
            n += length;
        } else {
            length = 1;
            n += escape_byte(*at, out + n);
        }
        at += length;
        size -= length;
    }
    return n;
}

void put_escaped(FILE *out, const char *text)
{
    for (size_t left = strlen(text), length; left > 0; text += length, left -= length) {
        length = escape_plain_length(text, left);
        if (length > 0) {
            fwrite(text, 1, length, out);
            continue;
        }
        length = 1;
        if (*text == '\n')
            fputs("\\n", out);
        else
            fprintf(out, "\\x%02x", (unsigned char)*text);
    }
}
