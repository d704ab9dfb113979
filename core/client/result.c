/* How a run ended, from what the router said: its own peers say less than ours. */
#include "result.h"

#include "protocol/handover.h"

#define RETVAL_MAX 255

bool result_is_retval(int64_t retval)
{
    return retval >= 0 && retval <= RETVAL_MAX;
}

/* INGInious's agent gives no termination: its values above 250 are its own, not the command's. */
static enum termination guess_termination(int retval, int signal)
{
    static const struct {
        int retval;
        enum termination termination;
    } known[] = {
        {RETVAL_UNAVAILABLE, TERMINATION_UNAVAILABLE},
        {RETVAL_MEMORY, TERMINATION_MEMORY},
        {RETVAL_TIME, TERMINATION_WALL_TIME},
        {RETVAL_FAILED, TERMINATION_FAILED},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (known[i].retval == retval)
            return known[i].termination;
    return signal ? TERMINATION_SIGNAL : TERMINATION_EXITED;
}

/* One line of text, whatever the peer put into it; cut where a character begins. */
static const char *copy_reason(struct text text, char reason[REASON_SIZE])
{
    size_t size = text.size < REASON_SIZE ? text.size : REASON_SIZE - 1;
    if (size == 0)
        return NULL;
    while (size < text.size && size > 0 && ((unsigned char)text.data[size] & 0xc0) == 0x80)
        size--;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        reason[i] = c < ' ' || c == 0x7f ? ' ' : (char)c;
    }
    reason[size] = 0;
    return reason;
}

static uint64_t count_of(int64_t value)
{
    return value > 0 ? (uint64_t)value : 0;
}

void result_of_retval(const struct message_run_student_retval *message, char reason[REASON_SIZE],
                      struct studentrun_result *ret_result)
{
    int signal = message->signal > 0 && message->signal <= SIGNAL_MAX ? (int)message->signal : 0;
    enum termination termination = termination_of(message->termination);
    if (termination == TERMINATION_COUNT)
        termination = guess_termination((int)message->retval, signal);
    *ret_result = (struct studentrun_result){
        .retval = (int)message->retval,
        .signal = signal,
        .termination = termination_name(termination),
        .reason = copy_reason(message->reason, reason),
        .cpu_usec = count_of(message->usage.cpu_usec),
        .wall_usec = count_of(message->usage.wall_usec),
        .memory_peak = count_of(message->usage.memory_peak),
    };
}
