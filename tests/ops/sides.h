/* sides.h - the perturbation by perturb.h's own code, and what another way of computing it is held
 * against it by. */
#ifndef SIDES_H
#define SIDES_H
#include "ops/perturb.h"
#include "test.h"
#include <omp.h>

static const double LIMIT = 1e-5;

static inline double apart(const float *a, const float *b, size_t n) {
    double *d = malloc(n * sizeof *d);
    for (size_t i = 0; i < n; i++) d[i] = (double)b[i];
    double r = t_rel(a, d, n);
    free(d);
    return r;
}

static inline float *normal(size_t n, uint64_t k) {
    float *x = malloc(n * sizeof *x);
    rng_normal_row(x, n, rng_key(11, RNG_TEST, k, 0), 0);
    return x;
}

/* Outputs, gradients and running statistics of one forward and backward; dx begins with numbers to
 * add to. */
typedef struct {
    float *y, *dx, *rm, *rv;
    double dphi[PHI_LEN];
} side;

static inline side side_new(shape4 s) {
    size_t n = shape_len(s), c = 4 * (size_t)s.c;
    side r = {.y = calloc(n, sizeof(float)),
              .dx = malloc(n * sizeof(float)),
              .rm = malloc(c * sizeof(float)),
              .rv = malloc(c * sizeof(float))};
    for (size_t i = 0; i < c; i++) {
        r.rm[i] = 0.1f * (float)(i % 5);
        r.rv[i] = 1;
    }
    for (size_t i = 0; i < n; i++) r.dx[i] = 0.01f * (float)(i % 7);
    return r;
}

static inline void side_free(side *r) {
    free(r->y);
    free(r->dx);
    free(r->rm);
    free(r->rv);
}

static inline side side_reference(const perturb_args *a, const float *x, const float *dy,
                                  const float *phi, int add) {
    side r = side_new(a->s);
    float *tape = malloc(perturb_tape_len(a->s) * sizeof *tape),
          *scratch = malloc(perturb_scratch_len(a->s, omp_get_max_threads()) * sizeof *scratch);
    perturb_forward(r.y, tape, r.rm, r.rv, x, phi, a, scratch);
    perturb_backward(r.dx, add, r.dphi, dy, tape, x, phi, a, scratch);
    free(tape);
    free(scratch);
    return r;
}

static inline void side_compare(const side *d, const side *r, shape4 s, const char *what) {
    static const int part[] = {PHI_E1_SELF, PHI_E1_ALL, PHI_E2_SELF, PHI_E2_ALL,
                               PHI_K,       PHI_W,      PHI_LEN};
    size_t n = shape_len(s), c = 4 * (size_t)s.c;
    float f[PHI_LEN];
    for (int i = 0; i < PHI_LEN; i++) f[i] = (float)d->dphi[i];
    double y = apart(d->y, r->y, n), dx = apart(d->dx, r->dx, n), rm = apart(d->rm, r->rm, c),
           rv = apart(d->rv, r->rv, c);
    CHECK(y < LIMIT && dx < LIMIT && rm < LIMIT && rv < LIMIT,
          "%s, %dx%dx%dx%d: y %g, dx %g, mean %g, variance %g", what, s.n, s.h, s.w, s.c, y, dx, rm,
          rv);
    for (int i = 0; i < 6; i++) {
        double p = t_rel(f + part[i], r->dphi + part[i], (size_t)(part[i + 1] - part[i]));
        CHECK(p < LIMIT, "%s, %dx%dx%dx%d: phi's gradient from %d on: %g", what, s.n, s.h, s.w, s.c,
              part[i], p);
    }
}
#endif
