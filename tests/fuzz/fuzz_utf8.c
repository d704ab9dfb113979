/* Whatever is mended is valid, and what was valid is left as it was. */
#include "fuzz.h"
#include "protocol/utf8.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    CHECK(text);
    memcpy(text, data, size);
    text[size] = 0;
    size_t length = strlen(text);
    if (utf8_is_valid(text, length)) {
        char *same = strdup(text);
        CHECK(same);
        utf8_mend(text);
        CHECK(strcmp(text, same) == 0);
        free(same);
    } else {
        utf8_mend(text);
    }
    CHECK(strlen(text) == length && utf8_is_valid(text, length));
    free(text);
    return 0;
}
