/* rate.c - see rate.h */
#include "ops/rate.h"
#include <math.h>

#define PI 3.14159265358979323846

rate_plan rate_default(void) { return (rate_plan){.power = 4, .least = 1e-5f, .sgdr_mult = 2}; }

static double sgdr(const rate_plan *p, double iteration) {
    double begin = 0, length = p->sgdr_cycle >= 1 ? p->sgdr_cycle : p->max_batches;
    double least = (double)p->least;
    if (length < 1) return (double)p->rate;
    while (begin + length < iteration) {
        begin += length;
        length *= p->sgdr_mult >= 1 ? p->sgdr_mult : 1;
    }
    return least + ((double)p->rate - least) / 2 * (1 + cos(PI * (iteration - begin) / length));
}

float rate_at(const rate_plan *p, long iteration) {
    double i = (double)iteration;
    if (iteration < p->burn_in)
        return (float)((double)p->rate * pow(i / p->burn_in, (double)p->power));
    return (float)sgdr(p, i);
}
