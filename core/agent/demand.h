/*
 * How many sandboxes to keep prepared: as many as have been in use at the same time of late, or in
 * a row, faster than others were prepared, so that a class whose fifty programs come at once
 * finds fifty the second time. Within two bounds, and less again when it is not asked for. No I/O.
 */
#pragma once

#include <stdbool.h>

struct demand {
    unsigned least, most; /* prepared; both 0: never any */
    unsigned peak;        /* called for together, of late */
    unsigned highest;     /* the same, since the last demand_decay() */
};

void demand_init(struct demand *demand, unsigned least, unsigned most);
/* So many are called for together: runs that have a sandbox or wait for one, or came in a row. */
void demand_note(struct demand *demand, unsigned n);
/*
 * How many to have ready while so many are busy. While there is work only the least: what is
 * prepared ahead takes CPU time from the runs that go on.
 */
unsigned demand_target(const struct demand *demand, unsigned n_busy);
/* To be called at times; the peak falls by half each time that it was not reached again. Whether
 * it may still fall. */
bool demand_decay(struct demand *demand);
