/* rate.h - the learning rate of an iteration, by policy= of a cfg: Darknet's, and sgdr of
 * AlexeyAB's fork (Loshchilov and Hutter, "SGDR", ICLR 2017). The fork and hank-ai's Darknet have
 * no others.
 *
 * An iteration is the number of pictures seen over batch * subdivisions; both count before the
 * update, so that the first update has iteration 1. With r for learning_rate and i for the
 * iteration:
 *
 *   i < burn_in   r (i/burn_in)^power, before any policy
 *   constant      r
 *   step          r scale^(i/step), a whole number
 *   steps         r times each scale whose step is i or less (those passed in the burn-in too)
 *   exp           r gamma^i
 *   poly          r (1 - i/max_batches)^power; from max_batches on as the power has it (an even one
 *                 grows again), 0 where it has none
 *   sigmoid       r / (1 + e^(gamma (i - step)))
 *   random        r u^power, u uniform in [0,1), drawn from seed and iteration: the same again, but
 *                 not the host's numbers
 *   sgdr          least + (r - least)/2 (1 + cos(pi (i - s)/L)); a cycle begins at s and is L long;
 *                 s + L still belongs to it, and the next is sgdr_mult as long. */
#ifndef MP_RATE_H
#define MP_RATE_H
#include <stdint.h>

typedef enum {
    RATE_CONSTANT,
    RATE_STEP,
    RATE_STEPS,
    RATE_EXP,
    RATE_POLY,
    RATE_SIGMOID,
    RATE_RANDOM,
    RATE_SGDR,
    RATE_COUNT
} rate_policy;

typedef struct {
    rate_policy policy;
    float rate, least; /* learning_rate, learning_rate_min */
    int burn_in;
    float power, gamma, scale;
    int step, max_batches;     /* at least 1 where step and poly divide by them */
    int sgdr_cycle, sgdr_mult; /* a cycle below 1: max_batches; a factor below 1: 1 */
    int n;                     /* of steps= and scales= */
    const int *steps;          /* rising */
    const float *scales;
    uint64_t seed;
} rate_plan;

/* Power 4, learning_rate_min 1e-5, sgdr_mult 2, as in the fork; all else 0. */
rate_plan rate_default(void);

/* The policy called `name`, or -1. */
int rate_policy_from_name(const char *name);

float rate_at(const rate_plan *p, long iteration);
#endif
