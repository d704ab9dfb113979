/* The agent's log: lines on standard error. */
#pragma once

/* One line, led by the program's name. The only place of the agent that writes any. */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
