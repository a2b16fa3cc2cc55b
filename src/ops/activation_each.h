/* activation_each.h - Darknet's activation functions for one number, and their slopes from the output: one text for the CPU and for CUDA. */
#ifndef MP_ACTIVATION_EACH_H
#define MP_ACTIVATION_EACH_H
#include "ops/activation.h"
#include "ops/vecmath.h"
#include <math.h>

/* Darknet's constants; SELU's two are rounded there to four digits. */
#define SELU_SCALE 1.0507f
#define SELU_ALPHA 1.6732f

VEC_INLINE float act_stair(float x) {
    float n = floorf(x);
    return fmodf(n, 2) == 0 ? floorf(x / 2) : (x - n) + floorf(x / 2);
}

VEC_INLINE float act_value(float x, act_kind a) {
    switch (a) {
    case ACT_LOGISTIC: return 1 / (1 + expf(-x));
    case ACT_RELU: return x > 0 ? x : 0;
    case ACT_LEAKY: return x > 0 ? x : 0.1f * x;
    case ACT_RELIE: return x > 0 ? x : 0.01f * x;
    case ACT_RAMP: return (x > 0 ? x : 0) + 0.1f * x;
    case ACT_TANH: return tanhf(x);
    case ACT_PLSE: return x < -4 ? 0.01f * (x + 4) : x > 4 ? 0.01f * (x - 4) + 1 : 0.125f * x + 0.5f;
    case ACT_ELU: return x >= 0 ? x : expf(x) - 1;
    case ACT_LOGGY: return 2 / (1 + expf(-x)) - 1;
    case ACT_STAIR: return act_stair(x);
    case ACT_HARDTAN: return x < -1 ? -1 : x > 1 ? 1 : x;
    case ACT_LHTAN: return x < 0 ? 0.001f * x : x > 1 ? 0.001f * (x - 1) + 1 : x;
    case ACT_SELU: return x >= 0 ? SELU_SCALE * x : SELU_SCALE * SELU_ALPHA * (expf(x) - 1);
    default: return x;
    }
}

VEC_INLINE float act_slope_at(float y, act_kind a) {
    switch (a) {
    case ACT_LOGISTIC: return (1 - y) * y;
    case ACT_RELU: return y > 0 ? 1 : 0;
    case ACT_LEAKY: return y > 0 ? 1 : 0.1f;
    case ACT_RELIE: return y > 0 ? 1 : 0.01f;
    case ACT_RAMP: return (y > 0 ? 1 : 0) + 0.1f;
    case ACT_TANH: return 1 - y * y;
    case ACT_PLSE: return y < 0 || y > 1 ? 0.01f : 0.125f;
    case ACT_ELU: return y >= 0 ? 1 : y + 1;
    case ACT_LOGGY: {
        float t = (y + 1) / 2;
        return 2 * (1 - t) * t;
    }
    case ACT_STAIR: return floorf(y) == y ? 0 : 1;
    case ACT_HARDTAN: return y > -1 && y < 1 ? 1 : 0;
    case ACT_LHTAN: return y > 0 && y < 1 ? 1 : 0.001f;
    case ACT_SELU: return y >= 0 ? SELU_SCALE : y + SELU_SCALE * SELU_ALPHA;
    default: return 1;
    }
}
#endif
