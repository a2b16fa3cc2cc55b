/* vecmath.h - exp, exp - 1, log, softplus, sine and cosine as straight-line code, so that the
 * compiler can vectorise loops over them.
 *
 * Worst relative error against double, over the arguments named (tests/ops/test_ops.c): exp 2e-7 on
 * [-87,87]; expm1 4e-7 on [-87,0); log 2e-7 on (0,1]; softplus 4e-7 on [-80,80]; sin and cos of a
 * whole turn 2e-7 absolute. No special cases for NaN but that it stays NaN. */
#ifndef MP_VECMATH_H
#define MP_VECMATH_H
#include <stdint.h>
#include <string.h>

/* One source, compiled for what the processor can do, chosen at run time. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(MP_PORTABLE)
#define VEC_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define VEC_CLONES
#endif

/* nvcc compiles the same functions for the device (ops/perturb_device.h). */
#ifdef __CUDACC__
#define VEC_INLINE static inline __host__ __device__
#else
#define VEC_INLINE static inline
#endif

VEC_INLINE float vec_bits(uint32_t u) {
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

VEC_INLINE uint32_t vec_word(float f) {
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

/* e^x = 2^n (1 + q): returns q, which keeps its digits where it is small, and 2^n in two. x in
 * [-87,88]. */
VEC_INLINE float vec_exp_parts(float x, float *two) {
    /* Adding and taking off 1.5 * 2^23 rounds to the nearest whole number without a call. */
    float n = x * 1.44269504f + 12582912.0f;
    uint32_t k = vec_word(n);
    n -= 12582912.0f;
    float r = x - n * 0.693359375f;
    r = r + n * 2.12194440e-4f; /* ln 2 in two parts: the first is exact in few bits */
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    *two = vec_bits((k << 23) + (127u << 23));
    return p * r * r + r;
}

/* e^x; x below -87 counts as -87 (1.6e-38), above 88 as 88. */
VEC_INLINE float vec_exp(float x) {
    x = x < -87 ? -87 : x;
    x = x > 88 ? 88 : x;
    float two, q = vec_exp_parts(x, &two);
    return (q + 1) * two;
}

/* e^x - 1 for x <= 0, good to its last digits near 0 too; below -87 it is -1. */
VEC_INLINE float vec_expm1(float x) {
    x = x < -87 ? -87 : x;
    float two, q = vec_exp_parts(x, &two);
    return two * q + (two - 1); /* near 0 two is 1 */
}

/* ln x for normal x > 0. */
VEC_INLINE float vec_log(float x) {
    uint32_t u = vec_word(x);
    /* m in [sqrt(1/2), sqrt(2)), so that ln m is small on both sides of 1. */
    int32_t e = (int32_t)(u - 0x3f3504f3u) >> 23;
    float m = vec_bits(u - ((uint32_t)e << 23));
    float s = (m - 1) / (m + 1), q = s * s;
    float p = 2.0f / 9;
    p = p * q + 2.0f / 7;
    p = p * q + 2.0f / 5;
    p = p * q + 2.0f / 3;
    return (float)e * 0.693359375f + ((float)e * -2.12194440e-4f + (p * q * s + 2 * s));
}

/* ln(1 + e^u) = max(u,0) + ln(1 + e^-|u|); with s = v/(2+v), ln(1+v) = 2 artanh s keeps its digits
 * for small v. */
VEC_INLINE float vec_softplus(float u) {
    float a = u < 0 ? u : -u, v = vec_exp(a), s = v / (2 + v), q = s * s;
    float p = 2.0f / 13;
    p = p * q + 2.0f / 11;
    p = p * q + 2.0f / 9;
    p = p * q + 2.0f / 7;
    p = p * q + 2.0f / 5;
    p = p * q + 2.0f / 3;
    return (u > 0 ? u : 0) + (p * q * s + 2 * s);
}

VEC_INLINE float vec_sigmoid(float u) { return 1 / (1 + vec_exp(-u)); }

/* Sine and cosine of 2 pi t, t in [0,1). */
VEC_INLINE void vec_turn(float t, float *sine, float *cosine) {
    float f = 4 * t, k = f + 12582912.0f;
    uint32_t q = vec_word(k);
    f -= k - 12582912.0f; /* quarter turns left, in [-1/2, 1/2] */
    float a = f * 1.57079633f, a2 = a * a;
    float s = -1.9515295891e-4f;
    s = s * a2 + 8.3321608736e-3f;
    s = s * a2 - 1.6666654611e-1f;
    s = s * a2 * a + a;
    float c = 2.443315711809948e-5f;
    c = c * a2 - 1.388731625493765e-3f;
    c = c * a2 + 4.166664568298827e-2f;
    c = c * a2 * a2 - 0.5f * a2 + 1;
    float x = q & 1 ? c : s, y = q & 1 ? s : c;
    *sine = q & 2 ? -x : x;
    *cosine = (q + 1) & 2 ? -y : y;
}
#endif
