/* How a run ended, for the caller, from what the router said. */
#pragma once

#include "protocol/message.h"
#include "studentrun.h"

/* A line for a person; what is longer is cut. */
#define REASON_SIZE 512

/* Whether section 8 of the protocol knows the value. */
bool result_is_retval(int64_t retval);
/* result->reason is in reason. */
void result_of_retval(const struct message_run_student_retval *message, char reason[REASON_SIZE],
                      struct studentrun_result *ret_result);
