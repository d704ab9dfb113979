/* The attacks, by name. */
#include "hostile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void tell(const char *what, long result)
{
    printf("%s %s\n", what, result < 0 ? strerrorname_np(errno) : "done");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const struct attack *const tables[] = {call_attacks,  socket_attacks,  memory_attacks,
                                                  table_attacks, process_attacks, file_attacks};
    for (size_t i = 0; argc > 1 && i < sizeof(tables) / sizeof(tables[0]); i++)
        for (const struct attack *attack = tables[i]; attack->name; attack++)
            if (strcmp(attack->name, argv[1]) == 0)
                return attack->run(argc > 2 ? argv[2] : "");
    fprintf(stderr, "usage: hostile WHAT [ARGUMENT]\n");
    return 99;
}
