/* suite_cost.h - how long a cell of a SUITE will take: a few steps of its network, timed here and
 * now. */
#ifndef MP_SUITE_COST_H
#define MP_SUITE_COST_H
#include "study/suite_cells.h"

/* Networks that were timed, so that cells which differ only in data, seed or length are timed once.
 * Begin with zeros. */
typedef struct {
    uint64_t network;
    double seconds;
} suite_timed;
typedef struct {
    suite_timed *timed;
    int n;
} suite_costs;
void suite_costs_free(suite_costs *k);

/* Seconds of what is left of a cell: training, tests, and the pass over the training images. state:
 * a file that holds a part of it already, or NULL. -1 and err. */
double suite_cost(suite_costs *k, const suite_cell *c, const char *state, char *err);
#endif
