/* activation.c - see activation.h */
#include "ops/activation_each.h"
#include <string.h>

static const char *const names[ACT_COUNT] = {
    "logistic", "relu", "relie", "linear", "ramp", "tanh", "plse", "leaky", "elu", "loggy", "stair", "hardtan", "lhtan", "selu",
};

int act_from_name(const char *name) {
    for (int i = 0; i < ACT_COUNT; i++) if (!strcmp(names[i], name)) return i;
    return -1;
}

const char *act_name(act_kind a) { return names[a]; }

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
        for (size_t i = 0; i < n; i++) y[i] = act_value(x[i], a);
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
        for (size_t i = 0; i < n; i++) dx[i] = dy[i] * act_slope_at(y[i], a);
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
