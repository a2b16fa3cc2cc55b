/* activation.c - see activation.h */
#include "ops/activation.h"
#include "ops/vecmath.h"
#include <math.h>
#include <string.h>

static const char *const names[ACT_COUNT] = {
    "logistic", "relu", "relie", "linear", "ramp", "tanh", "plse", "leaky", "elu", "loggy", "stair", "hardtan", "lhtan", "selu",
};

int act_from_name(const char *name) {
    for (int i = 0; i < ACT_COUNT; i++) if (!strcmp(names[i], name)) return i;
    return -1;
}

const char *act_name(act_kind a) { return names[a]; }

/* Darknet's constants; SELU's two are rounded there to four digits. */
#define SELU_SCALE 1.0507f
#define SELU_ALPHA 1.6732f

static float stair(float x) {
    float n = floorf(x);
    return fmodf(n, 2) == 0 ? floorf(x / 2) : (x - n) + floorf(x / 2);
}

static float value(float x, act_kind a) {
    switch (a) {
    case ACT_LOGISTIC: return 1 / (1 + expf(-x));
    case ACT_RELIE: return x > 0 ? x : 0.01f * x;
    case ACT_RAMP: return (x > 0 ? x : 0) + 0.1f * x;
    case ACT_TANH: return tanhf(x);
    case ACT_PLSE: return x < -4 ? 0.01f * (x + 4) : x > 4 ? 0.01f * (x - 4) + 1 : 0.125f * x + 0.5f;
    case ACT_ELU: return x >= 0 ? x : expf(x) - 1;
    case ACT_LOGGY: return 2 / (1 + expf(-x)) - 1;
    case ACT_STAIR: return stair(x);
    case ACT_HARDTAN: return x < -1 ? -1 : x > 1 ? 1 : x;
    case ACT_LHTAN: return x < 0 ? 0.001f * x : x > 1 ? 0.001f * (x - 1) + 1 : x;
    case ACT_SELU: return x >= 0 ? SELU_SCALE * x : SELU_SCALE * SELU_ALPHA * (expf(x) - 1);
    default: return x;
    }
}

static float slope(float y, act_kind a) {
    switch (a) {
    case ACT_LOGISTIC: return (1 - y) * y;
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

/* The three that networks are made of, as loops that vectorise. */
VEC_CLONES
static void leaky_rows(float *y, const float *x, size_t n, float low) {
    for (size_t i = 0; i < n; i++) y[i] = x[i] > 0 ? x[i] : low * x[i];
}

VEC_CLONES
static void leaky_slopes(float *dx, const float *dy, const float *y, size_t n, float low) {
    for (size_t i = 0; i < n; i++) dx[i] = y[i] > 0 ? dy[i] : low * dy[i];
}

void act_forward(float *y, const float *x, size_t n, act_kind a) {
    if (a == ACT_RELU) {
        leaky_rows(y, x, n, 0);
    } else if (a == ACT_LEAKY) {
        leaky_rows(y, x, n, 0.1f);
    } else if (a == ACT_LINEAR) {
        if (y != x) memcpy(y, x, n * sizeof *y);
    } else {
        for (size_t i = 0; i < n; i++) y[i] = value(x[i], a);
    }
}

void act_backward(float *dx, const float *dy, const float *y, size_t n, act_kind a) {
    if (a == ACT_RELU) {
        leaky_slopes(dx, dy, y, n, 0);
    } else if (a == ACT_LEAKY) {
        leaky_slopes(dx, dy, y, n, 0.1f);
    } else if (a == ACT_LINEAR) {
        if (dx != dy) memcpy(dx, dy, n * sizeof *dx);
    } else {
        for (size_t i = 0; i < n; i++) dx[i] = dy[i] * slope(y[i], a);
    }
}

int act_slope(act_kind a, float *slope) {
    switch (a) {
    case ACT_LINEAR: *slope = 1; return 1;
    case ACT_RELU: *slope = 0; return 1;
    case ACT_LEAKY: *slope = 0.1f; return 1;
    case ACT_RELIE: *slope = 0.01f; return 1;
    default: *slope = 1; return 0;
    }
}
