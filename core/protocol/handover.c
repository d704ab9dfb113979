/* The hand-over's fixed parts. */
#include "protocol/handover.h"

#include <errno.h>
#include <string.h>

void signal_encode(int signal, char ret_digits[SIGNAL_SIZE])
{
    ret_digits[0] = '0';
    ret_digits[1] = (char)('0' + signal / 10 % 10);
    ret_digits[2] = (char)('0' + signal % 10);
}

int signal_decode(const char digits[SIGNAL_SIZE])
{
    if (memcmp(digits, "---", SIGNAL_SIZE) == 0)
        return 0;
    int signal = 0;
    for (int i = 0; i < SIGNAL_SIZE; i++) {
        if (digits[i] < '0' || digits[i] > '9')
            return -EINVAL;
        signal = signal * 10 + (digits[i] - '0');
    }
    return signal >= 1 && signal <= SIGNAL_MAX ? signal : -EINVAL;
}
