/* run_student(1). */
#include "cli.h"

int main(int argc, char **argv)
{
    return cli_main(CLI_RUN_STUDENT, argc, argv);
}
