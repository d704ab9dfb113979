/* ssh_student(1). */
#include "cli.h"

int main(int argc, char **argv)
{
    return cli_main(CLI_SSH_STUDENT, argc, argv);
}
