/* perturb_mean.c - F(alpha) = E[softplus(alpha + eps)] over eps ~ N(0,1), and its derivative E[sigmoid(alpha + eps)].
 *
 * F(alpha) - alpha = F(-alpha), so only the falling half is kept, max(alpha,0) is added exactly and the small rest keeps its digits:
 * cubic Hermite interpolation between values and slopes at steps of 1/16 on [-16,0]; below, F is e^(alpha + 1/2) to better than
 * 1e-13. The table is made once, by the trapezoidal rule in double, which for a smooth integrand that dies out like a
 * Gaussian converges faster than any power of the step. */
#include "ops/perturb_rows.h"
#include "ops/vecmath.h"
#include <math.h>
#include <pthread.h>

enum { PER_UNIT = 16, REACH = 16, PIECES = REACH * PER_UNIT };
static float cubic[4][PIECES + 1];      /* of the fraction t in [0,1), from piece -alpha*16; the last piece is never interpolated */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void expectation(double alpha, double *value, double *slope) {
    const double step = 1.0 / 64, root = 2.50662827463100050242;
    *value = *slope = 0;
    for (int j = -10 * 64; j <= 10 * 64; j++) {
        double e = j * step, u = alpha + e, p = exp(-e * e / 2) * step / root;
        *value += p * (u > 0 ? u + log1p(exp(-u)) : log1p(exp(u)));
        *slope += p / (1 + exp(-u));
    }
}

static void fill(void) {
    double y0, d0;
    expectation(0, &y0, &d0);
    for (int i = 0; i < PIECES; i++) {
        double y1, d1;
        expectation(-(double)(i + 1) / PER_UNIT, &y1, &d1);
        double m0 = -d0 / PER_UNIT, m1 = -d1 / PER_UNIT, rise = y1 - y0;     /* towards smaller alpha */
        cubic[0][i] = (float)y0;
        cubic[1][i] = (float)m0;
        cubic[2][i] = (float)(3 * rise - 2 * m0 - m1);
        cubic[3][i] = (float)(m0 + m1 - 2 * rise);
        y0 = y1;
        d0 = d1;
    }
}

static inline float at(float alpha, float *slope) {
    float far = alpha < 0 ? -alpha : alpha, x = far * PER_UNIT;
    x = x < PIECES ? x : PIECES;        /* a NaN goes by the tail, and stays one */
    int i = (int)x;
    float t = x - (float)i, a = cubic[0][i], b = cubic[1][i], c = cubic[2][i], d = cubic[3][i], tail = vec_exp(0.5f - far);
    int inside = far < REACH;
    float v = inside ? a + t * (b + t * (c + t * d)) : tail, m = inside ? -PER_UNIT * (b + t * (2 * c + 3 * t * d)) : tail;
    *slope = alpha > 0 ? 1 - m : m;
    return (alpha > 0 ? alpha : 0) + v;
}

VEC_CLONES
static void with_slope(float *restrict z, float *restrict dz, const float *restrict alpha, size_t n) {
    for (size_t i = 0; i < n; i++) z[i] = at(alpha[i], &dz[i]);
}

VEC_CLONES
static void without_slope(float *restrict z, const float *restrict alpha, size_t n) {
    for (size_t i = 0; i < n; i++) {
        float slope;
        z[i] = at(alpha[i], &slope);
    }
}

void rows_mean_softplus(float *z, float *slope, const float *alpha, size_t n) {
    pthread_once(&once, fill);
    if (slope) with_slope(z, slope, alpha, n);
    else without_slope(z, alpha, n);
}

float perturb_mean_softplus(float alpha) {
    float z;
    rows_mean_softplus(&z, NULL, &alpha, 1);
    return z;
}
