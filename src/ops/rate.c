/* rate.c - see rate.h */
#include "ops/rate.h"
#include "ops/rng.h"
#include <math.h>
#include <string.h>

#define PI 3.14159265358979323846

static const char *const names[] = {
    "constant", "step", "steps", "exp", "poly", "sigmoid", "random", "sgdr",
};
_Static_assert(sizeof names / sizeof *names == RATE_COUNT, "one name for each policy");

rate_plan rate_default(void) { return (rate_plan){.power = 4, .least = 1e-5f, .sgdr_mult = 2}; }

int rate_policy_from_name(const char *name) {
    for (int i = 0; i < RATE_COUNT; i++)
        if (!strcmp(names[i], name)) return i;
    return -1;
}

static double after_steps(const rate_plan *p, double rate, long iteration) {
    for (int i = 0; i < p->n && p->steps[i] <= iteration; i++) rate *= (double)p->scales[i];
    return rate;
}

static double poly(const rate_plan *p, double iteration) {
    double share = pow(1 - iteration / p->max_batches, (double)p->power);
    return isnan(share) ? 0 : (double)p->rate * share;
}

static double drawn(const rate_plan *p, long iteration) {
    rng_stream r = rng_open(rng_key(p->seed, RNG_RATE, (uint64_t)iteration, 0));
    return (double)p->rate * pow((double)rng_uniform(&r, 0, 1), (double)p->power);
}

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
    double rate = (double)p->rate, i = (double)iteration;
    if (iteration < p->burn_in) return (float)(rate * pow(i / p->burn_in, (double)p->power));
    switch (p->policy) {
    case RATE_STEP: return (float)(rate * pow((double)p->scale, (double)(iteration / p->step)));
    case RATE_STEPS: return (float)after_steps(p, rate, iteration);
    case RATE_EXP: return (float)(rate * pow((double)p->gamma, i));
    case RATE_POLY: return (float)poly(p, i);
    case RATE_SIGMOID: return (float)(rate / (1 + exp((double)p->gamma * (i - p->step))));
    case RATE_RANDOM: return (float)drawn(p, iteration);
    case RATE_SGDR: return (float)sgdr(p, i);
    case RATE_CONSTANT:
    case RATE_COUNT: break;
    }
    return p->rate;
}
