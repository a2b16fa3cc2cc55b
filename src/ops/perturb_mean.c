/* perturb_mean.c - F(alpha) = E[softplus(alpha + eps)] over eps ~ N(0,1), and its derivative
 * E[sigmoid(alpha + eps)].
 *
 * F(alpha) - alpha = F(-alpha), so only the falling half is needed: max(alpha,0) is added exactly
 * and the small rest keeps its digits. There F(-a) = e^-a h(a), and h runs smoothly from 0.806 at 0
 * to sqrt(e) far out: a polynomial in w = e^(-a/4) on a in [0,16] (relative error 3e-8; beyond 16 h
 * stands still, 3e-7 from its limit). It needs no table: loops over it are straight vector code.
 * The coefficients are made once: values by the trapezoidal rule in double, which for a smooth
 * integrand that dies out like a Gaussian converges faster than any power of the step, then
 * interpolation at Chebyshev's points. */
#include "ops/perturb_device.h"
#include "ops/perturb_rows.h"
#include "ops/vecmath.h"
#include <math.h>
#include <pthread.h>

enum { DEGREE = PERTURB_POLY - 1 };
static const float REACH = 16, W_END = 0.0183156389f; /* e^(-REACH/4) */
static float poly[DEGREE + 1];                        /* of t in [-1,1], linear in w */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static double expectation(double alpha) {
    const double step = 1.0 / 64, root = 2.50662827463100050242;
    double value = 0;
    for (int j = -10 * 64; j <= 10 * 64; j++) {
        double e = j * step, u = alpha + e;
        value += exp(-e * e / 2) * step / root * (u > 0 ? u + log1p(exp(-u)) : log1p(exp(u)));
    }
    return value;
}

static void fill(void) {
    enum { N = DEGREE + 1 };
    double h[N], now[N] = {1}, before[N] = {0},
                 sum[N] = {0}; /* coefficients of T_k, T_k-1 and of the result */
    const double pi = 3.14159265358979323846;
    for (int i = 0; i < N; i++) {
        double t = cos(pi * (i + 0.5) / N),
               a = -4 * log((double)W_END + (t + 1) / 2 * (1 - (double)W_END));
        h[i] = exp(a) * expectation(-a);
    }
    for (int k = 0; k < N; k++) {
        double c = 0, next[N] = {0};
        for (int i = 0; i < N; i++) c += h[i] * cos(pi * k * (i + 0.5) / N) * (k ? 2.0 : 1.0) / N;
        for (int i = 0; i < N; i++) sum[i] += c * now[i];
        for (int i = 0; i < N; i++)
            next[i] = (i ? (k ? 2 : 1) * now[i - 1] : 0) - (k ? before[i] : 0);
        memcpy(before, now, sizeof now);
        memcpy(now, next, sizeof now);
    }
    for (int i = 0; i < N; i++) poly[i] = (float)sum[i];
}

static inline float at(float alpha, float *slope) {
    float a = alpha < 0 ? -alpha : alpha, near = a < REACH ? a : REACH, w = vec_exp(-0.25f * near),
          decay = vec_exp(-a);
    const float stretch = 2 / (1 - W_END);
    float t = stretch * (w - W_END) - 1, h = 0, dh = 0;
#pragma GCC unroll 17
    for (int k = DEGREE; k >= 0; k--) { /* unrolled, or the loop around it is not vectorised */
        dh = dh * t + h;
        h = h * t + poly[k];
    }
    /* -d/da of e^-a h(t(w(a))), dw/da = -w/4 up to REACH */
    float rest = decay * (h + (a < REACH ? 0.25f * stretch * w * dh : 0));
    *slope = alpha > 0 ? 1 - rest : rest;
    return (alpha > 0 ? alpha : 0) + decay * h;
}

VEC_CLONES
static void with_slope(float *restrict z, float *restrict dz, const float *restrict alpha,
                       size_t n) {
#pragma omp simd
    for (size_t i = 0; i < n; i++) z[i] = at(alpha[i], &dz[i]);
}

VEC_CLONES
static void without_slope(float *restrict z, const float *restrict alpha, size_t n) {
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        float slope;
        z[i] = at(alpha[i], &slope);
    }
}

/* With F the mean and F' its slope: d(softplus(u)/F) = (sigmoid(u) - z F') / F. */
VEC_CLONES
static void unit_with_slope(float *restrict z, float *restrict dz, const float *restrict alpha,
                            const float *restrict eps, size_t n) {
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        float slope, u = alpha[i] + eps[i], mean = at(alpha[i], &slope);
        z[i] = vec_softplus(u) / mean;
        dz[i] = (vec_sigmoid(u) - z[i] * slope) / mean;
    }
}

VEC_CLONES
static void unit_without_slope(float *restrict z, const float *restrict alpha,
                               const float *restrict eps, size_t n) {
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        float slope;
        z[i] = vec_softplus(alpha[i] + eps[i]) / at(alpha[i], &slope);
    }
}

void rows_unit_softplus(float *z, float *slope, const float *alpha, const float *eps, size_t n) {
    pthread_once(&once, fill);
    if (slope)
        unit_with_slope(z, slope, alpha, eps, n);
    else
        unit_without_slope(z, alpha, eps, n);
}

void rows_mean_softplus(float *z, float *slope, const float *alpha, size_t n) {
    pthread_once(&once, fill);
    if (slope)
        with_slope(z, slope, alpha, n);
    else
        without_slope(z, alpha, n);
}

void perturb_poly_of(perturb_poly *p) {
    pthread_once(&once, fill);
    memcpy(p->c, poly, sizeof poly);
    p->reach = REACH;
    p->w_end = W_END;
}

float perturb_mean_softplus(float alpha) {
    float z;
    rows_mean_softplus(&z, NULL, &alpha, 1);
    return z;
}
