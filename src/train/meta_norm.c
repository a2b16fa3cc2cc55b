/* meta_norm.c - see meta_norm.h */
#include "train/meta_norm.h"
#include "ops/perturb.h"
#include <math.h>

double meta_log_norm(const double *x) {
    double s = 0;
    for (int k = 0; k < PHI_LEN; k++) s += x[k] * x[k];
    return sqrt(s);
}

double meta_log_norm_float(const float *x) {
    double d[PHI_LEN];
    for (int k = 0; k < PHI_LEN; k++) d[k] = (double)x[k];
    return meta_log_norm(d);
}
