/* What every fuzz target needs. A failed CHECK is a crash that libFuzzer reports. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
