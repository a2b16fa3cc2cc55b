/* ref.h - an independent double-precision perturbation, written from the paper's formulas in NCHW
 * with naive loops. */
#ifndef REF_H
#define REF_H
#include "ops/perturb.h"

typedef struct {
    int n, c, h, w;
    double t, clip, slope, c_feature, h_feature;
    int noise, scale, batch_stats;    /* noise: a perturb_noise */
    const double *eps;                /* (n,c,h,w); of SAMPLE, UNIT and GAUSS */
    const double *run_mean, *run_var; /* (c,4), read when batch_stats is 0 */
    double sd;
    int two_sided;
} ref_perturb_args;

/* out (n,c,h,w) from x; mean, var (c,4), may be NULL: those that were used. */
void ref_perturb(double *out, const double *x, const double phi[PHI_LEN], const ref_perturb_args *a,
                 double *mean, double *var);

/* E[softplus(alpha + eps)] by the trapezoidal rule of the given step over |eps| < 12; 1/16 is exact
 * in double (tests/ops/test_ops.c). */
double ref_mean_softplus(double alpha, double step);

/* Central difference of a loss with respect to one number that it reads; *at is put back. */
double ref_slope(double (*loss)(void *), void *of, double *at, double h);
#endif
