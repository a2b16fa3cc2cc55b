/* activation_each.h - activation functions of one number, and their slopes: one text for the CPU
 * and for CUDA. */
#ifndef MP_ACTIVATION_EACH_H
#define MP_ACTIVATION_EACH_H
#include "ops/activation.h"
#include "ops/vecmath.h"
#include <math.h>

/* Darknet's constants; SELU's two are rounded there to four digits, as are the fork's of GELU. */
#define SELU_SCALE 1.0507f
#define SELU_ALPHA 1.6732f
#define GELU_LINEAR 0.797885f
#define GELU_CUBIC 0.035677f

VEC_INLINE float act_stair(float x) {
    float n = floorf(x);
    return fmodf(n, 2) == 0 ? floorf(x / 2) : (x - n) + floorf(x / 2);
}

VEC_INLINE float act_plse(float x) {
    return x < -4 ? 0.01f * (x + 4) : x > 4 ? 0.01f * (x - 4) + 1 : 0.125f * x + 0.5f;
}

VEC_INLINE float act_lhtan(float x) {
    return x < 0 ? 0.001f * x : x > 1 ? 0.001f * (x - 1) + 1 : x;
}

VEC_INLINE float act_loggy_slope(float y) {
    float t = (y + 1) / 2;
    return 2 * (1 - t) * t;
}

VEC_INLINE float act_selu(float x) {
    return x >= 0 ? SELU_SCALE * x : SELU_SCALE * SELU_ALPHA * (expf(x) - 1);
}
VEC_INLINE float act_selu_slope(float y) {
    return y >= 0 ? SELU_SCALE : y + SELU_SCALE * SELU_ALPHA;
}

/* Between these bounds; NaN stays NaN. */
VEC_INLINE float act_within(float x, float low, float high) {
    x = x < low ? low : x;
    return x > high ? high : x;
}

/* tanh(softplus x) = n / (n + 2), n = e^x (e^x + 2): no difference of near numbers. Above 20 it is
 * 1 in float, below -87 nothing is left. */
VEC_INLINE float act_mish(float x) {
    float e = vec_exp(x > 20 ? 20 : x), n = e * (e + 2);
    return (x < -87 ? -87 : x) * (n / (n + 2));
}

VEC_INLINE float act_mish_slope(float x) {
    float at = act_within(x, -87, 20), e = vec_exp(at), n = e * (e + 2), d = 1 / (n + 2);
    return n * d + at * (4 * d * (e * (1 + e) * d));
}

/* sigmoid(u), and 1 - sigmoid(u) with its digits. */
VEC_INLINE float act_gate(float u, float *rest) {
    float v = vec_exp(u < 0 ? u : -u), big = 1 / (1 + v), small = v * big;
    *rest = u < 0 ? big : small;
    return u < 0 ? small : big;
}

VEC_INLINE float act_swish(float x) {
    float rest, gate = act_gate(x, &rest);
    return (x < -87 ? -87 : x) * gate;
}

VEC_INLINE float act_swish_slope(float x) {
    float at = act_within(x, -87, 87), rest, gate = act_gate(at, &rest);
    return gate + at * (gate * rest);
}

/* 0.5 (1 + tanh u) = sigmoid(2u). Beyond 10 the gate is 0 or 1 in float, and the cubic could
 * overflow. */
VEC_INLINE float act_gelu(float x) {
    float at = act_within(x, -10, 10), rest;
    return (x < -10 ? -10 : x) * act_gate(2 * at * (GELU_LINEAR + GELU_CUBIC * at * at), &rest);
}

VEC_INLINE float act_gelu_slope(float x) {
    float at = act_within(x, -10, 10), q = at * at, rest,
          gate = act_gate(2 * at * (GELU_LINEAR + GELU_CUBIC * q), &rest);
    return gate + 2 * at * (GELU_LINEAR + 3 * GELU_CUBIC * q) * (gate * rest);
}

VEC_INLINE float act_hard_mish(float x) { return x > 0 ? x : x > -2 ? x * x / 2 + x : 0; }
VEC_INLINE float act_hard_mish_slope(float x) { return x > 0 ? 1 : x > -2 ? x + 1 : 0; }

/* Of the kinds over channels, which have no value of one number: NaN. */
VEC_INLINE float act_value(float x, act_kind a) {
#define ACT_CASE(kind, name, value, ...) \
    case ACT_##kind: return value;
    switch (a) {
        ACTIVATIONS(ACT_CASE)
    default: return vec_bits(0x7fc00000u);
    }
#undef ACT_CASE
}

/* y = act_value(x, a); x is read only by those of act_needs_input. */
VEC_INLINE float act_slope_at(float x, float y, act_kind a) {
#define ACT_CASE(kind, name, value, slope, ...) \
    case ACT_##kind: return slope;
    switch (a) {
        ACTIVATIONS(ACT_CASE)
    default: return vec_bits(0x7fc00000u);
    }
#undef ACT_CASE
}
#endif
