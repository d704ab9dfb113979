/* How many sandboxes to keep prepared. */
#include "demand.h"

static unsigned larger(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

void demand_init(struct demand *demand, unsigned least, unsigned most)
{
    *demand = (struct demand){.least = least, .most = least == 0 ? 0 : larger(least, most)};
}

void demand_note(struct demand *demand, unsigned n)
{
    demand->highest = larger(demand->highest, n);
    demand->peak = larger(demand->peak, n);
}

unsigned demand_target(const struct demand *demand, unsigned n_busy)
{
    if (n_busy > demand->least || demand->peak <= demand->least)
        return demand->least;
    return demand->peak < demand->most ? demand->peak : demand->most;
}

bool demand_decay(struct demand *demand)
{
    demand->peak = larger(demand->highest, demand->peak / 2);
    demand->highest = 0;
    return demand->peak > demand->least;
}
