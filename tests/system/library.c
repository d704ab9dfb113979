/*
 * A program that uses libstudentrun, for test_library.py: built in the tree, and outside of it
 * against what was installed; by a C++ compiler as well.
 */
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <studentrun.h>
#include <sys/time.h>

#define BIG ((size_t)100 << 20)

static struct studentrun_call call; /* all zero: nothing special */

static struct studentrun_request request_of(const char *command)
{
    struct studentrun_request request;
    memset(&request, 0, sizeof(request));
    request.command = command;
    return request;
}

/* COMMAND INPUT LIMIT FUSE: prints what came back. */
static int simple(char **words)
{
    struct studentrun_request request = request_of(words[0]);
    struct studentrun_input input;
    struct studentrun_output output;
    memset(&input, 0, sizeof(input));
    input.data = words[1];
    input.size = strlen(words[1]);
    input.output_limit = strtoull(words[2], NULL, 10);
    input.stdout_err_fuse = *words[3] == '1';
    int retval = run_student_simple(&request, &input, &call, &output);
    printf("%d\n", retval);
    if (retval < 0)
        return 0;
    printf("%s %d %d\n%zu %s\n%zu %s\n%s\n", output.result.termination, output.result.signal,
           output.is_truncated, output.out_size, output.out, output.err_size, output.err,
           output.result.reason ? output.result.reason : "");
    studentrun_output_free(&output);
    return 0;
}

/* COMMAND: 100 MiB in, and as much back as it gives. */
static int big(char **words)
{
    struct studentrun_request request = request_of(words[0]);
    struct studentrun_input input;
    struct studentrun_output output;
    unsigned *data = (unsigned *)malloc(BIG);
    for (size_t i = 0; i < BIG / sizeof(*data); i++)
        data[i] = (unsigned)i * 2654435761u;
    memset(&input, 0, sizeof(input));
    input.data = data;
    input.size = BIG;
    int retval = run_student_simple(&request, &input, &call, &output);
    if (retval < 0)
        return 1;
    bool out = output.out_size == BIG && memcmp(output.out, data, BIG) == 0;
    bool err = output.err_size == BIG && memcmp(output.err, data, BIG) == 0;
    printf("%d out %s err %s\n", retval,
           out               ? "same"
           : output.out_size ? "other"
                             : "none",
           err               ? "same"
           : output.err_size ? "other"
                             : "none");
    studentrun_output_free(&output);
    free(data);
    return 0;
}

static void *one_thread(void *number)
{
    char command[64];
    struct studentrun_output output;
    snprintf(command, sizeof(command), "sh -c 'cat; exit %ld'", (long)(size_t)number);
    struct studentrun_request request = request_of(command);
    struct studentrun_input input;
    memset(&input, 0, sizeof(input));
    input.data = "text";
    input.size = 4;
    int retval = run_student_simple(&request, &input, &call, &output);
    bool right = retval == (int)(size_t)number && strcmp(output.out, "text") == 0;
    if (retval >= 0)
        studentrun_output_free(&output);
    return right ? NULL : number;
}

/* COUNT of calls at the same time, an agent for each or, with "shared", one for all. */
static int threads(char **words)
{
    size_t count = strtoul(words[0], NULL, 10), wrong = 0;
    pthread_t all[64];
    struct studentrun_agent *agent = NULL;
    char reason[256];
    if (strcmp(words[1], "shared") == 0) {
        if (studentrun_agent_new(NULL, &agent, reason, sizeof(reason)) < 0) {
            printf("%s\n", reason);
            return 1;
        }
        call.options.sockets_dir = studentrun_agent_sockets(agent);
        call.agent.task_dir = ".";
    }
    for (size_t i = 0; i < count; i++)
        pthread_create(&all[i], NULL, one_thread, (void *)(i + 1));
    for (size_t i = 0; i < count; i++) {
        void *result;
        pthread_join(all[i], &result);
        wrong += result != NULL;
    }
    studentrun_agent_free(agent);
    printf("%zu wrong\n", wrong);
    return 0;
}

static struct studentrun_signals *signals;

static void on_signals(struct studentrun_signals *given, void *userdata)
{
    (void)userdata;
    signals = given;
}

static const char *trapped;

static void on_alarm(int number)
{
    (void)number;
    if (access(trapped, F_OK) == 0)
        studentrun_signals_send(signals, SIGUSR1);
}

/* FILE COMMAND: once it has made that file it is sent SIGUSR1, from a signal handler, each tenth of
 * a second. */
static int signalled(char **words)
{
    struct studentrun_request request = request_of(words[1]);
    struct studentrun_result result;
    struct sigaction action;
    struct itimerval often = {{0, 100000}, {0, 100000}};
    memset(&action, 0, sizeof(action));
    action.sa_handler = on_alarm;
    trapped = words[0];
    sigaction(SIGALRM, &action, NULL);
    call.signals = on_signals;
    setitimer(ITIMER_REAL, &often, NULL);
    int retval = run_student(&request, NULL, &call, &result);
    memset(&often, 0, sizeof(often));
    setitimer(ITIMER_REAL, &often, NULL);
    printf("%d %s %s\n", retval, result.termination, signals ? "kept" : "forgotten");
    return 0;
}

/* FILE COMMAND: with descriptors of its own, which stay its own. */
static int descriptors(char **words)
{
    struct studentrun_request request = request_of(words[1]);
    FILE *file = fopen(words[0], "w");
    int fds[3] = {-1, fileno(file), fileno(file)};
    int retval = run_student(&request, fds, &call, NULL);
    fprintf(file, "%d\n", retval);
    return fclose(file);
}

static int entries(const char *directory)
{
    int n = 0;
    DIR *open = opendir(directory);
    while (readdir(open))
        n++;
    closedir(open);
    return n;
}

/* COUNT: so many calls of each kind, one after the other; how many descriptors and threads stay. */
static int repeated(char **words)
{
    static const char *const commands[] = {"true", "nosuch", "sh -c 'kill -9 $$'", "'open"};
    int descriptors_before = 0, threads_before = 0;
    for (size_t n = 0; n <= strtoul(words[0], NULL, 10); n++) {
        for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
            struct studentrun_request request = request_of(commands[i]);
            struct studentrun_output output;
            if (run_student_simple(&request, NULL, &call, &output) >= 0)
                studentrun_output_free(&output);
        }
        if (n > 0)
            continue;
        descriptors_before = entries("/proc/self/fd");
        threads_before = entries("/proc/self/task");
    }
    /* One that has been joined may be seen for a moment still. */
    bool threads_stay = entries("/proc/self/task") - threads_before > 4;
    printf("%d descriptors, %s threads\n", entries("/proc/self/fd") - descriptors_before,
           threads_stay ? "many" : "no");
    return 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int words;
        int (*run)(char **words);
    } all[] = {{"simple", 4, simple},       {"big", 1, big},
               {"threads", 2, threads},     {"repeated", 1, repeated},
               {"signalled", 2, signalled}, {"descriptors", 2, descriptors}};
    call.options.sockets_dir = getenv("STUDENTRUN_SOCKETS");
    if (getenv("IN_MESSAGES"))
        call.options.transport = STUDENTRUN_TRANSPORT_MESSAGE;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (argc > 1 && strcmp(all[i].name, argv[1]) == 0 && argc == 2 + all[i].words)
            return all[i].run(argv + 2);
    return 2;
}
