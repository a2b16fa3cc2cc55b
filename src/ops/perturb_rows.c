/* perturb_rows.c - see perturb_rows.h */
#include "ops/perturb_rows.h"
#include "ops/vecmath.h"
#include <string.h>

void rows_clear_border(float *buf, padded p) {
    memset(buf, 0, p.stride * sizeof *buf);
    memset(buf + ((size_t)p.h + 1) * p.stride, 0, p.stride * sizeof *buf);
    for (int y = 1; y <= p.h; y++) {
        float *row = buf + (size_t)y * p.stride;
        memset(row, 0, (size_t)p.c * sizeof *row);
        memset(row + p.stride - (size_t)p.c, 0, (size_t)p.c * sizeof *row);
    }
}


/* The 3x3 window at output i: three rows of the padded picture, three pixels of c floats each, with the kernel in registers. */
#define WINDOW(win, stride, q) \
    const float *a = (win), *b = a + (stride), *d = b + (stride); \
    const float k0 = (q)[0], k1 = (q)[1], k2 = (q)[2], k3 = (q)[3], k4 = (q)[4], k5 = (q)[5], k6 = (q)[6], k7 = (q)[7], k8 = (q)[8];
#define TAPS(i, c) \
    (k0 * a[i] + k1 * a[i + c] + k2 * a[i + 2 * c] + k3 * b[i] + k4 * b[i + c] + k5 * b[i + 2 * c] \
     + k6 * d[i] + k7 * d[i + c] + k8 * d[i + 2 * c])

VEC_CLONES
static void spread(float *restrict out, const float *restrict base, size_t w, size_t c) {
    for (size_t x = 0; x < w; x++) for (size_t i = 0; i < c; i++) out[x * c + i] = base[x];
}

VEC_CLONES
static void taps_add(float *restrict out, const float *restrict win, size_t n, size_t c, size_t stride, const float *restrict k) {
    WINDOW(win, stride, k)
    for (size_t i = 0; i < n; i++) out[i] += TAPS(i, c);
}

void rows_conv(float *out, const float *win, padded p, const float k[9], const float *base, int add) {
    size_t w = (size_t)p.w, c = (size_t)p.c;
    if (base) spread(out, base, w, c);
    else if (!add) memset(out, 0, w * c * sizeof *out);
    taps_add(out, win, w * c, c, p.stride, k);
}

void rows_conv_transposed(float *out, const float *win, padded p, const float k[9]) {
    float mirrored[9];
    for (int t = 0; t < 9; t++) mirrored[t] = k[8 - t];
    taps_add(out, win, (size_t)p.w * (size_t)p.c, (size_t)p.c, p.stride, mirrored);
}

VEC_CLONES
void rows_kernel_gradient(double acc[9], const float *d, const float *win, padded p) {
    size_t n = (size_t)p.w * (size_t)p.c, c = (size_t)p.c;
    for (int dy = 0; dy < 3; dy++) {
        const float *a = win + (size_t)dy * p.stride;
        float s0 = 0, s1 = 0, s2 = 0;
#pragma omp simd reduction(+ : s0, s1, s2)
        for (size_t i = 0; i < n; i++) {
            s0 += d[i] * a[i];
            s1 += d[i] * a[i + c];
            s2 += d[i] * a[i + 2 * c];
        }
        acc[3 * dy] += (double)s0;
        acc[3 * dy + 1] += (double)s1;
        acc[3 * dy + 2] += (double)s2;
    }
}

VEC_CLONES
void rows_channel_sum(float *out, const float *x, int w, int c, float factor) {
    for (int p = 0; p < w; p++) {
        const float *v = x + (size_t)p * (size_t)c;
        float sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int i = 0; i < c; i++) sum += v[i];
        out[p] = sum * factor;
    }
}

VEC_CLONES
static void features(float *restrict tmp, const float *restrict win, size_t n, size_t c, size_t stride, const float *restrict K) {
    for (int k = 0; k < PERTURB_K; k++) {
        float *out = tmp + (size_t)k * n;
        WINDOW(win, stride, K + 9 * k)
        for (size_t i = 0; i < n; i++) {
            float v = TAPS(i, c);
            out[i] = v > 0 ? v : 0;
        }
    }
}

VEC_CLONES
static void add_pixels(float *restrict sums, const float *restrict rows, size_t w, size_t c) {
    for (size_t x = 0; x < w; x++) for (size_t i = 0; i < c; i++) sums[i] += rows[x * c + i];
}

void rows_feature(float *sums, const float *win, padded p, const float *K, float *tmp) {
    size_t w = (size_t)p.w, c = (size_t)p.c;
    features(tmp, win, w * c, c, p.stride, K);
    for (size_t k = 0; k < PERTURB_K; k++) add_pixels(sums + k * c, tmp + k * w * c, w, c);
}

VEC_CLONES
static void masks(float *restrict out, const float *restrict win, size_t n, size_t c, size_t stride, const float *restrict q) {
    WINDOW(win, stride, q)
    for (size_t i = 0; i < n; i++) out[i] = TAPS(i, c) > 0 ? out[i] : 0;
}

VEC_CLONES
static void spread_channels(float *restrict out, const float *restrict coef, size_t w, size_t c) {
    for (size_t x = 0; x < w; x++) for (size_t i = 0; i < c; i++) out[x * c + i] = coef[i];
}

void rows_feature_mask(float *out, const float *win, padded p, const float k[9], const float *coef) {
    size_t w = (size_t)p.w, c = (size_t)p.c;
    spread_channels(out, coef, w, c);
    masks(out, win, w * c, c, p.stride, k);
}

VEC_CLONES
void rows_relu(float *x, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] = x[i] > 0 ? x[i] : 0;
}

VEC_CLONES
void rows_softplus(float *alpha, const float *eps, size_t n) {
    for (size_t i = 0; i < n; i++) alpha[i] = vec_softplus(alpha[i] + eps[i]);
}

VEC_CLONES
void rows_apply(float *restrict y, const float *restrict x, const float *restrict z, const float *restrict s, int w, int c, float t,
                float clip) {
    for (int p = 0; p < w; p++) {
        size_t o = (size_t)p * (size_t)c;
        for (int i = 0; i < c; i++) {
            float v = x[o + (size_t)i] * (1 + t * (s[i] * z[o + (size_t)i] - 1));
            y[o + (size_t)i] = v > clip ? clip : v;    /* a NaN stays one */
        }
    }
}

VEC_CLONES
void rows_scale_gradient(float *restrict ds, const float *restrict dy, const float *restrict x, const float *restrict z,
                         const float *restrict s, int w, int c, float t, float clip) {
    for (int p = 0; p < w; p++) {
        size_t o = (size_t)p * (size_t)c;
        for (int i = 0; i < c; i++) {
            size_t j = o + (size_t)i;
            float v = x[j] * (1 + t * (s[i] * z[j] - 1));
            ds[i] += v > clip ? 0 : dy[j] * x[j] * t * z[j];
        }
    }
}

VEC_CLONES
void rows_direct_gradient(float *restrict dx, int add, float *restrict dz, const float *restrict dy, const float *restrict x,
                          const float *restrict z, const float *restrict s, int w, int c, float t, float clip) {
    for (int p = 0; p < w; p++) {
        size_t o = (size_t)p * (size_t)c;
        for (int i = 0; i < c; i++) {
            size_t j = o + (size_t)i;
            float m = 1 + t * (s[i] * z[j] - 1), g = x[j] * m > clip ? 0 : dy[j];
            dz[j] = g * x[j] * t * s[i];
            dx[j] = (add ? dx[j] : 0) + g * m;
        }
    }
}

VEC_CLONES
void rows_noise_gradient(float *dz, const float *z, size_t n) {
    for (size_t i = 0; i < n; i++) dz[i] *= 1 - vec_exp(-z[i]);
}

VEC_CLONES
void rows_relu_gradient(float *restrict d, const float *restrict r, const float *restrict base, int w, int c) {
    for (int p = 0; p < w; p++) {
        size_t o = (size_t)p * (size_t)c;
        for (int i = 0; i < c; i++) {
            size_t j = o + (size_t)i;
            d[j] = r[j] > 0 ? d[j] + base[p] : 0;
        }
    }
}

VEC_CLONES
void rows_add_base(float *restrict x, const float *restrict base, int w, int c) {
    for (int p = 0; p < w; p++) for (int i = 0; i < c; i++) x[(size_t)p * (size_t)c + (size_t)i] += base[p];
}
