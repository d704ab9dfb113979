/* Numbers as people write them. */
#include "base/number.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define FRACTION_DIGITS 6 /* of a second in microseconds */

int number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *ret_number)
{
    uint64_t number = 0;
    bool overflow = false;
    if (!*text)
        return -EINVAL;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return -EINVAL;
        overflow |= __builtin_mul_overflow(number, UINT64_C(10), &number);
        overflow |= __builtin_add_overflow(number, (uint64_t)(*text - '0'), &number);
    }
    if (overflow || number < min || number > max)
        return -ERANGE;
    *ret_number = number;
    return 0;
}

/* The digits after the point; with none there must have been some before it. */
static int parse_fraction(const char *digits, uint64_t *ret_usec)
{
    uint64_t usec = 0;
    bool more = false;
    size_t n = strspn(digits, "0123456789");
    if (n == 0 || digits[n])
        return -EINVAL;
    for (size_t i = 0; i < n || i < FRACTION_DIGITS; i++) {
        unsigned digit = i < n ? (unsigned)(digits[i] - '0') : 0;
        if (i < FRACTION_DIGITS)
            usec = usec * 10 + digit;
        else
            more |= digit > 0;
    }
    *ret_usec = usec + more;
    return 0;
}

int number_parse_seconds(const char *text, uint64_t max, uint64_t *ret_usec)
{
    uint64_t usec = 0, seconds = 0;
    size_t n = strspn(text, "0123456789");
    if (text[n] && text[n] != '.')
        return -EINVAL;
    int r = text[n] ? parse_fraction(text + n + 1, &usec) : n == 0 ? -EINVAL : 0;
    for (size_t i = 0; i < n && r == 0; i++) {
        seconds = seconds * 10 + (uint64_t)(text[i] - '0');
        if (seconds > max / NUMBER_USEC_PER_S)
            r = -ERANGE;
    }
    if (r == 0 && seconds * NUMBER_USEC_PER_S + usec > max)
        r = -ERANGE;
    if (r == 0)
        *ret_usec = seconds * NUMBER_USEC_PER_S + usec;
    return r;
}
