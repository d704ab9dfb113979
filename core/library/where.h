/* Where a call's router is, or an agent in its place, and where its command starts. */
#pragma once

#include "studentrun.h"

/* The sockets' directory; NULL: there is none. */
const char *where_router(const struct studentrun_call *call);
/* An agent for one run, as studentrun_agent_new(). */
int where_new_agent(const struct studentrun_agent_options *options,
                    struct studentrun_agent **ret_agent, char *ret_reason, size_t size);
/* The working directory as the student sees it; NULL: no memory. */
char *where_student(const struct studentrun_call *call);
