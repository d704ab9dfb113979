/* Words to the one text that the protocol carries. */
#pragma once

/*
 * Several words are quoted, so that they are split into the same again (section 7.5 of the
 * protocol). A single one is the text as it is, as INGInious's run_student has it: a program's
 * name, or a whole command line. NULL: no memory. The caller's to free().
 */
char *command_line_of(char *const *words);
