/*
 * A student's program from C: cc run_student.c $(pkg-config --cflags --libs studentrun)
 *
 * In the directory of a task (student/ is what the program sees), a program to run:
 *     ./a.out 'python3 student/sort.py' < input.txt
 */
#include <stdio.h>
#include <studentrun.h>

int main(int argc, char **argv)
{
    static char data[65536];
    struct studentrun_output output;
    const struct studentrun_request request = {.command = argc > 1 ? argv[1] : "", .time_limit = 5};
    const struct studentrun_input input = {.data = data,
                                           .size = fread(data, 1, sizeof(data), stdin)};

    int retval = run_student_simple(&request, &input, NULL, &output);
    if (retval < 0)
        return 254; /* nothing was run: a mistake in the request */
    printf("%s", output.out);
    fprintf(stderr, "%s%s\n", output.err, output.result.reason ? output.result.reason : "");
    studentrun_output_free(&output);
    return retval;
}
