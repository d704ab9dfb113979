/* A frame's size never goes past what is there, and depends on nothing behind the frame. */
#include "fuzz.h"
#include "protocol/msgpack_frame.h"

#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t whole = 0, again = 0;
    int r = msgpack_frame_size(data, size, &whole);
    CHECK(r == 0 || r == -EAGAIN || r == -EBADMSG);
    if (r < 0)
        return 0;
    CHECK(whole > 0 && whole <= size);
    /* Exactly as many bytes: one read past them is a report of AddressSanitizer's. */
    char *exact = malloc(whole);
    CHECK(exact);
    memcpy(exact, data, whole);
    CHECK(msgpack_frame_size(exact, whole, &again) == 0 && again == whole);
    CHECK(msgpack_frame_size(exact, whole - 1, &again) == -EAGAIN);
    CHECK(msgpack_frame_size(exact, whole / 2, &again) == -EAGAIN);
    free(exact);
    return 0;
}
