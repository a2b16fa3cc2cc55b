/* meta_norm.h - the L2 norm of PHI_LEN numbers. */
#ifndef MP_META_NORM_H
#define MP_META_NORM_H

double meta_log_norm(const double *x);
double meta_log_norm_float(const float *x);
#endif
