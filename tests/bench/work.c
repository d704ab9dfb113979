/*
 * What the measured runs do: never sanitized, linked statically, so that it starts alike
 * everywhere.
 *
 *   bench-work write BYTES   writes that many as fast as one can: one block over and over
 *   bench-work burn MS       uses that much CPU time
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BLOCK (1 << 20)

static int write_bytes(long left)
{
    static char block[BLOCK];
    memset(block, 'x', sizeof(block));
    while (left > 0) {
        ssize_t n = write(STDOUT_FILENO, block, left < BLOCK ? (size_t)left : BLOCK);
        if (n < 0)
            return EXIT_FAILURE;
        left -= n;
    }
    return EXIT_SUCCESS;
}

static int burn(long ms)
{
    struct timespec used;
    do
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    while (used.tv_sec * 1000 + used.tv_nsec / 1000000 < ms);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return EXIT_FAILURE;
    long number = atol(argv[2]);
    return strcmp(argv[1], "write") == 0  ? write_bytes(number)
           : strcmp(argv[1], "burn") == 0 ? burn(number)
                                          : EXIT_FAILURE;
}
