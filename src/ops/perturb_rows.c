/* perturb_rows.c - see perturb_rows.h.
 *
 * VEC_CLONES compiles each loop for several processors. A loop over channels is written once with
 * the block length L: the constant ROWS_LANES gives straight vector code, c itself handles what
 * does not divide. */
#include "ops/perturb_rows.h"
#include "ops/vecmath.h"
#include <math.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#define SIMD _Pragma("omp simd")

/* The 9 taps at i, with the kernel in registers. */
#define KERNEL(k, q)                                                                       \
    const float k##0 = (q)[0], k##1 = (q)[1], k##2 = (q)[2], k##3 = (q)[3], k##4 = (q)[4], \
                k##5 = (q)[5], k##6 = (q)[6], k##7 = (q)[7], k##8 = (q)[8];
#define TAPS(k, v, i, c)                                                             \
    (k##0 * v.a[i] + k##1 * v.a[i + c] + k##2 * v.a[i + 2 * c] + k##3 * v.b[i] +     \
     k##4 * v.b[i + c] + k##5 * v.b[i + 2 * c] + k##6 * v.d[i] + k##7 * v.d[i + c] + \
     k##8 * v.d[i + 2 * c])

/* Whole vectors of channels, so that base[pixel] is a broadcast and costs no pass of its own. */
INLINE void conv_blocks(float *restrict out, rows_window v, size_t w, size_t c, const float *q,
                        const float *base, rows_mode mode) {
    KERNEL(k, q)
    for (size_t x = 0; x < w; x++) {
        float add = base[x];
        for (size_t o = x * c; o < (x + 1) * c; o += ROWS_LANES) {
            SIMD for (size_t i = o; i < o + ROWS_LANES; i++) {
                float u = add + TAPS(k, v, i, c);
                out[i] = mode == ROWS_ADD ? out[i] + u : mode == ROWS_RELU ? (u > 0 ? u : 0) : u;
            }
        }
    }
}

/* Any c: base first, pixel by pixel, then the taps over the whole row at once. */
INLINE void conv_row(float *restrict out, rows_window v, size_t w, size_t c, const float *q,
                     const float *base, rows_mode mode) {
    KERNEL(k, q)
    size_t n = w * c;
    int filled = mode == ROWS_ADD;
    for (size_t x = 0; base && x < w; x++)
        for (size_t i = x * c; i < (x + 1) * c; i++) out[i] = filled ? out[i] + base[x] : base[x];
    filled |= base != NULL;
    if (filled) { // NOLINT(bugprone-branch-clone): it does not see += and = below the pragma
        SIMD for (size_t i = 0; i < n; i++) out[i] += TAPS(k, v, i, c);
    } else {
        SIMD for (size_t i = 0; i < n; i++) out[i] = TAPS(k, v, i, c);
    }
    for (size_t i = 0; mode == ROWS_RELU && i < n; i++) out[i] = out[i] > 0 ? out[i] : 0;
}

/* With mode, and c where it is the most common, known to the compiler. */
#define CONV_BLOCKS(c)                                                             \
    (mode == ROWS_ADD    ? conv_blocks(out, win, (size_t)w, c, k, base, ROWS_ADD)  \
     : mode == ROWS_RELU ? conv_blocks(out, win, (size_t)w, c, k, base, ROWS_RELU) \
                         : conv_blocks(out, win, (size_t)w, c, k, base, ROWS_SET))

VEC_CLONES
void rows_conv(float *out, rows_window win, int w, int c, const float k[9], const float *base,
               rows_mode mode) {
    if (!base || c % ROWS_LANES)
        conv_row(out, win, (size_t)w, (size_t)c, k, base, mode);
    else if (c == ROWS_LANES)
        CONV_BLOCKS(ROWS_LANES);
    else
        CONV_BLOCKS((size_t)c);
}

VEC_CLONES
void rows_conv_pair(float *restrict out, rows_window p, rows_window q, int w, int c,
                    const float kernels[18]) {
    KERNEL(k, kernels)
    KERNEL(l, kernels + 9)
    size_t n = (size_t)w * (size_t)c, step = (size_t)c;
    SIMD for (size_t i = 0; i < n; i++) out[i] += TAPS(k, p, i, step) + TAPS(l, q, i, step);
}

VEC_CLONES
void rows_kernel_gradient(double acc[9], const float *d, rows_window v, int w, int c) {
    size_t n = (size_t)w * (size_t)c, step = (size_t)c;
    float s0 = 0, s1 = 0, s2 = 0, s3 = 0, s4 = 0, s5 = 0, s6 = 0, s7 = 0, s8 = 0;
#pragma omp simd reduction(+ : s0, s1, s2, s3, s4, s5, s6, s7, s8)
    for (size_t i = 0; i < n; i++) {
        float g = d[i];
        s0 += g * v.a[i];
        s1 += g * v.a[i + step];
        s2 += g * v.a[i + 2 * step];
        s3 += g * v.b[i];
        s4 += g * v.b[i + step];
        s5 += g * v.b[i + 2 * step];
        s6 += g * v.d[i];
        s7 += g * v.d[i + step];
        s8 += g * v.d[i + 2 * step];
    }
    const float s[9] = {s0, s1, s2, s3, s4, s5, s6, s7, s8};
    for (int t = 0; t < 9; t++) acc[t] += (double)s[t];
}

/* to[pixel][lane] = from[pixel][lane] + from[pixel][lanes + lane]. */
INLINE void fold(float *restrict to, const float *restrict from, size_t pixels, size_t lanes) {
    for (size_t p = 0; p < pixels; p++) {
        SIMD for (size_t l = 0; l < lanes; l++)
            to[p * lanes + l] = from[2 * p * lanes + l] + from[(2 * p + 1) * lanes + l];
    }
}

/* Folding 16 lanes in four steps for several pixels at a time needs no shuffles, unlike a sum
 * across one vector. */
INLINE void channel_sum_blocks(float *restrict out, const float *restrict x, size_t w, size_t c,
                               float factor) {
    enum { P = 16, L = ROWS_LANES };
    float t[P * L], t8[P * L / 2], t4[P * L / 4], t2[P * L / 8];
    for (size_t first = 0; first < w; first += P) {
        size_t m = w - first < P ? w - first : P;
        const float *v = x + first * c;
        for (size_t p = 0; c > L && p < m; p++) {
            float sum[L] = {0};
            for (size_t o = 0; o < c; o += L) {
                SIMD for (size_t l = 0; l < L; l++) sum[l] += v[p * c + o + l];
            }
            memcpy(t + p * L, sum, sizeof sum);
        }
        fold(t8, c > L ? t : v, m, L / 2);
        fold(t4, t8, m, L / 4);
        fold(t2, t4, m, L / 8);
        for (size_t p = 0; p < m; p++) out[first + p] = factor * (t2[2 * p] + t2[2 * p + 1]);
    }
}

VEC_CLONES
void rows_channel_sum(float *restrict out, const float *restrict x, int w, int c, float factor) {
    if (c % ROWS_LANES == 0) {
        channel_sum_blocks(out, x, (size_t)w, (size_t)c, factor);
        return;
    }
    for (int p = 0; p < w; p++) {
        const float *v = x + (size_t)p * (size_t)c;
        float sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int i = 0; i < c; i++) sum += v[i];
        out[p] = sum * factor;
    }
}

/* Two kernels at once share the loads of the window; four would not leave them in registers. */
INLINE void feature_pair(float *restrict tmp, uint32_t *restrict bits, rows_window v, size_t n,
                         size_t c, const float *q, int first) {
    KERNEL(k, q)
    KERNEL(l, q + 9)
    float *second = tmp + n;
    SIMD for (size_t i = 0; i < n; i++) {
        float f = TAPS(k, v, i, c), g = TAPS(l, v, i, c);
        uint32_t b = (f > 0 ? 1u : 0u) | (g > 0 ? 2u : 0u);
        tmp[i] = f > 0 ? f : 0;
        second[i] = g > 0 ? g : 0;
        bits[i] = first ? b : bits[i] | b << 2;
    }
}

INLINE void add_pixels(float *restrict sums, const float *restrict row, size_t w, size_t c,
                       size_t L) {
    for (size_t o = 0; o < c; o += L)
        for (size_t x = 0; x < w; x++) {
            SIMD for (size_t i = 0; i < L; i++) sums[o + i] += row[x * c + o + i];
        }
}

VEC_CLONES
void rows_feature(float *sums, uint8_t *mask, rows_window win, int width, int channels,
                  const float *K, float *tmp, uint32_t *bits) {
    size_t w = (size_t)width, c = (size_t)channels, n = w * c;
    for (int k = 0; k < PERTURB_K; k += 2) {
        if (k == 0)
            feature_pair(tmp, bits, win, n, c, K, 1);
        else
            feature_pair(tmp, bits, win, n, c, K + 18, 0);
        for (int j = 0; j < 2; j++) {
            float *to = sums + (size_t)(k + j) * c;
            if (c % ROWS_LANES)
                add_pixels(to, tmp + (size_t)j * n, w, c, c);
            else
                add_pixels(to, tmp + (size_t)j * n, w, c, ROWS_LANES);
        }
    }
    for (size_t i = 0; mask && i < n; i++) mask[i] = (uint8_t)bits[i];
}

INLINE void spread(float *restrict out, const uint32_t *restrict bits, const float *restrict coef,
                   int k, size_t w, size_t c, size_t L) {
    for (size_t x = 0; x < w; x++)
        for (size_t o = 0; o < c; o += L) {
            SIMD for (size_t i = 0; i < L; i++)
                out[x * c + o + i] = bits[x * c + o + i] >> k & 1 ? coef[o + i] : 0;
        }
}

VEC_CLONES
void rows_feature_spread(float *const out[PERTURB_K], const uint8_t *mask, const float *coef, int w,
                         int c, uint32_t *bits) {
    size_t n = (size_t)w * (size_t)c, wide = (size_t)w, deep = (size_t)c;
    for (size_t i = 0; i < n; i++) bits[i] = mask[i];
    for (int k = 0; k < PERTURB_K; k++) {
        if (c % ROWS_LANES)
            spread(out[k], bits, coef + (size_t)k * deep, k, wide, deep, deep);
        else
            spread(out[k], bits, coef + (size_t)k * deep, k, wide, deep, ROWS_LANES);
    }
}

VEC_CLONES
void rows_mask_set(uint8_t *restrict mask, const float *restrict r, size_t n, int keep) {
    const uint8_t others = keep ? (uint8_t)~(1u << ROWS_MASK_E1) : 0;
    for (size_t i = 0; i < n; i++)
        mask[i] = (uint8_t)((mask[i] & others) | (r[i] > 0 ? 1u << ROWS_MASK_E1 : 0u));
}

VEC_CLONES
void rows_mask_apply(float *restrict d, const uint8_t *restrict mask, size_t n) {
    /* By the bits, not by a condition: half of the branches would be mispredicted. */
    for (size_t i = 0; i < n; i++)
        d[i] = vec_bits(vec_word(d[i]) & (0u - ((uint32_t)mask[i] >> ROWS_MASK_E1 & 1u)));
}

VEC_CLONES
void rows_softplus(float *restrict alpha, const float *restrict eps, size_t n) {
    for (size_t i = 0; i < n; i++) alpha[i] = vec_softplus(alpha[i] + eps[i]);
}

static float lowest(const perturb_args *a) { return a->two_sided ? -a->clip : -INFINITY; }

INLINE void apply(float *restrict y, const float *restrict x, const float *restrict z,
                  const float *restrict s, size_t w, size_t c, size_t L, float t, float clip,
                  float low, float slope) {
    for (size_t p = 0; p < w; p++)
        for (size_t o = 0; o < c; o += L) {
            SIMD for (size_t i = o; i < o + L; i++) {
                size_t j = p * c + i;
                float v = x[j] * (1 + t * (s[i] * z[j] - 1));
                v = v > clip ? clip : v; /* a NaN stays one */
                v = v < low ? low : v;
                y[j] = v > 0 ? v : slope * v;
            }
        }
}

VEC_CLONES
void rows_apply(float *y, const float *x, const float *z, const float *s, int w, int c,
                const perturb_args *a) {
    size_t n = (size_t)c;
    if (c % ROWS_LANES)
        apply(y, x, z, s, (size_t)w, n, n, a->t, a->clip, lowest(a), a->slope);
    else
        apply(y, x, z, s, (size_t)w, n, ROWS_LANES, a->t, a->clip, lowest(a), a->slope);
}

INLINE void direct(float *restrict dx, int add, float *restrict dz, float *restrict ds,
                   const float *restrict dy, const float *restrict x, const float *restrict z,
                   const float *restrict s, size_t w, size_t c, size_t L, float t, float clip,
                   float low, float slope) {
    for (size_t p = 0; p < w; p++)
        for (size_t o = 0; o < c; o += L) {
            SIMD for (size_t i = o; i < o + L; i++) {
                size_t j = p * c + i;
                float m = 1 + t * (s[i] * z[j] - 1), v = x[j] * m,
                      g = v > 0 ? dy[j] : slope * dy[j];
                g = v > clip || v < low ? 0 : g;
                float h = g * x[j] * t;
                ds[i] += h * z[j];
                dz[j] = h * s[i];
                dx[j] = add ? dx[j] + g * m : g * m;
            }
        }
}

VEC_CLONES
void rows_direct_gradient(float *dx, int add, float *dz, float *ds, const float *dy, const float *x,
                          const float *z, const float *s, int w, int c, const perturb_args *a) {
    size_t n = (size_t)c, wide = (size_t)w;
    float t = a->t, clip = a->clip, low = lowest(a), slope = a->slope;
    if (c % ROWS_LANES)
        direct(dx, add, dz, ds, dy, x, z, s, wide, n, n, t, clip, low, slope);
    else if (add)
        direct(dx, 1, dz, ds, dy, x, z, s, wide, n, ROWS_LANES, t, clip, low, slope);
    else
        direct(dx, 0, dz, ds, dy, x, z, s, wide, n, ROWS_LANES, t, clip, low, slope);
}

VEC_CLONES
void rows_noise_gradient(float *restrict dz, const float *restrict z, size_t n) {
    for (size_t i = 0; i < n; i++) dz[i] *= -vec_expm1(-z[i]);
}

VEC_CLONES
void rows_multiply(float *restrict x, const float *restrict by, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] *= by[i];
}
