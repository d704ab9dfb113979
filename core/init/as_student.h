/*
 * Files as the student: what init opens or makes there belongs to the student, and is out of
 * reach where it is for the student. Of init's own rights over files only those are left.
 */
#pragma once

#include "protocol/message.h"

void as_student_begin(const struct message_init_assign *limits);
void as_student_end(const struct message_init_assign *limits);
