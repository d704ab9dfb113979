/* UTF-8. */
#include "protocol/utf8.h"

#include <stdint.h>
#include <string.h>

/* The code points of each length of sequence; what is below could have been shorter. */
static const struct {
    unsigned char mask, lead;
    unsigned char size;
    uint32_t min;
} sequences[] = {
    {0x80, 0x00, 1, 0x0},
    {0xe0, 0xc0, 2, 0x80},
    {0xf0, 0xe0, 3, 0x800},
    {0xf8, 0xf0, 4, 0x10000},
};

/* The bytes of the character at text, which has one byte at least; 0 where there is none. */
static size_t character_size(const unsigned char *text, size_t size)
{
    for (size_t i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++) {
        if ((text[0] & sequences[i].mask) != sequences[i].lead)
            continue;
        if (size < sequences[i].size)
            return 0;
        uint32_t point = text[0] & (unsigned char)~sequences[i].mask;
        for (size_t n = 1; n < sequences[i].size; n++) {
            if ((text[n] & 0xc0) != 0x80)
                return 0;
            point = point << 6 | (text[n] & 0x3f);
        }
        bool is_surrogate = point >= 0xd800 && point <= 0xdfff;
        return point < sequences[i].min || point > 0x10ffff || is_surrogate ? 0 : sequences[i].size;
    }
    return 0;
}

bool utf8_is_valid(const char *text, size_t size)
{
    const unsigned char *at = (const unsigned char *)text;
    for (size_t n; size > 0; at += n, size -= n) {
        n = character_size(at, size);
        if (n == 0)
            return false;
    }
    return true;
}

void utf8_mend(char *text)
{
    size_t size = strlen(text);
    for (size_t n; size > 0; text += n, size -= n) {
        n = character_size((const unsigned char *)text, size);
        if (n == 0) {
            *text = '?';
            n = 1;
        }
    }
}
