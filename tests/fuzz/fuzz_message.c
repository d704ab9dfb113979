/* Any bytes are a message or are refused; what is a message is sent and read again as the same. */
#include "fuzz.h"
#include "protocol/message.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct message message, again;
    char *first, *second;
    size_t first_size, second_size;
    if (message_decode(data, size, &message) < 0)
        return 0;
    CHECK(message.type < MESSAGE_TYPE_COUNT);
    CHECK(message_encode(&message, &first, &first_size) == 0);
    CHECK(message_decode(first, first_size, &again) == 0);
    CHECK(again.type == message.type);
    CHECK(message_encode(&again, &second, &second_size) == 0);
    CHECK(first_size == second_size && memcmp(first, second, first_size) == 0);
    free(first);
    free(second);
    return 0;
}
