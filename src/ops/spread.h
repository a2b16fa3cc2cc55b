/* spread.h - mean, spread, and what may be said of a difference from few pairs. */
#ifndef MP_SPREAD_H
#define MP_SPREAD_H

/* sd with n - 1; 0 for n < 2. */
typedef struct {
    int n;
    double mean, sd;
} spread;
spread spread_of(const double *v, int n);

/* The mean of b - a over n pairs, and its interval by Student's t with n - 1 degrees: mean -+ t sd
 * / sqrt(n). n < 2: low, high are NaN. */
typedef struct {
    int n;
    double mean, low, high;
} interval;
interval interval_of_pairs(const double *a, const double *b, int n, double confidence);

/* Student's t: the value that a share p lies below, p in [0.5, 1), degrees >= 1 a whole number. */
double student_quantile(double p, int degrees);
#endif
