/* Numbers as people write them. */
#include "base/number.h"

#include <errno.h>
#include <stdbool.h>

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
