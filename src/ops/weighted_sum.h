/* weighted_sum.h - factors of a sum from learned weights, as the weighted [shortcut] of AlexeyAB's
 * fork has them: one text for the CPU and for CUDA.
 *
 *   relu      k_i = r_i / (sum r + 1e-4),  r = max(w, 0)
 *   softmax   k_i = e_i / (sum e + 1e-4),  e = exp(w - max w)
 *
 * A set is the n weights that share a sum: w[0], w[step], .. The gradient is the true one; the
 * fork's own leaves the division out. */
#ifndef MP_WEIGHTED_SUM_H
#define MP_WEIGHTED_SUM_H
#include "ops/vecmath.h"
#include <math.h>
#include <stddef.h>

typedef enum { SUM_PLAIN, SUM_RELU, SUM_SOFTMAX } sum_norm; /* plain: there are no weights */
#define SUM_EPS 1e-4

typedef struct {
    double most, sum; /* of softmax: the greatest weight; r or e, and SUM_EPS */
    int at;           /* of the greatest */
} sum_set;

VEC_INLINE double sum_part(float w, const sum_set *s, sum_norm norm) {
    if (norm == SUM_SOFTMAX) return exp((double)w - s->most);
    return w > 0 ? (double)w : 0;
}

VEC_INLINE sum_set sum_set_of(const float *w, size_t step, int n, sum_norm norm) {
    sum_set s = {(double)w[0], SUM_EPS, 0};
    for (int i = 1; i < n; i++)
        if ((double)w[(size_t)i * step] > s.most) {
            s.most = (double)w[(size_t)i * step];
            s.at = i;
        }
    for (int i = 0; i < n; i++) s.sum += sum_part(w[(size_t)i * step], &s, norm);
    return s;
}

/* (=) the n factors of a set, k_step apart. */
VEC_INLINE void sum_factors(float *k, size_t k_step, const float *w, size_t step, int n,
                            sum_norm norm) {
    sum_set s = sum_set_of(w, step, n, norm);
    for (int i = 0; i < n; i++)
        k[(size_t)i * k_step] = (float)(sum_part(w[(size_t)i * step], &s, norm) / s.sum);
}

/* (+=) dw of a set from dk, that of its factors, which lie dk_step apart. */
VEC_INLINE void sum_factors_back(float *dw, const double *dk, size_t dk_step, const float *w,
                                 size_t step, int n, sum_norm norm) {
    sum_set s = sum_set_of(w, step, n, norm);
    double all = 0;
    for (int i = 0; i < n; i++)
        all += dk[(size_t)i * dk_step] * sum_part(w[(size_t)i * step], &s, norm) / s.sum;
    for (int i = 0; i < n; i++) {
        double part = sum_part(w[(size_t)i * step], &s, norm),
               d = (dk[(size_t)i * dk_step] - all) / s.sum;
        if (norm == SUM_SOFTMAX) d *= part;
        if (norm == SUM_SOFTMAX && i == s.at) d -= all * SUM_EPS / s.sum; /* it moves max w too */
        if (part > 0) dw[(size_t)i * step] += (float)d;
    }
}
#endif
