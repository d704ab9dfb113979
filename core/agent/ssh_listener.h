/* Where an ssh server listens. */
#pragma once

#include <stdint.h>

/* FIRST-LAST or one number; NULL: any port, both 0. -EINVAL. */
int ssh_ports_parse(const char *text, uint16_t *ret_first, uint16_t *ret_last);
/* Listens at the numeric address, on the first free port of these. */
int ssh_listen(const char *address, uint16_t first, uint16_t last, uint16_t *ret_port);
