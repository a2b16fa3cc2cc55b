/* rate.h - the learning rate of an iteration under policy=sgdr of AlexeyAB's fork (Loshchilov and
 * Hutter, "SGDR", ICLR 2017); the host has the other policies.
 *
 * An iteration is the number of pictures seen over batch * subdivisions; both count before the
 * update, so that the first update has iteration 1. With r for learning_rate and i for the
 * iteration:
 *
 *   i < burn_in   r (i/burn_in)^power
 *   else          least + (r - least)/2 (1 + cos(pi (i - s)/L)); a cycle begins at s and is L long;
 *                 s + L still belongs to it, and the next is sgdr_mult as long. */
#ifndef MP_RATE_H
#define MP_RATE_H

typedef struct {
    float rate, least; /* learning_rate, learning_rate_min */
    int burn_in;
    float power;
    int max_batches;
    int sgdr_cycle, sgdr_mult; /* a cycle below 1: max_batches; a factor below 1: 1 */
} rate_plan;

/* Power 4, learning_rate_min 1e-5, sgdr_mult 2, as in the fork; all else 0. */
rate_plan rate_default(void);

float rate_at(const rate_plan *p, long iteration);
#endif
