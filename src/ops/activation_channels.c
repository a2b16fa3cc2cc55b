/* activation_channels.c - activations over the channels of a position: see activation.h */
#include "ops/activation.h"
#include "ops/vecmath.h"
#include <assert.h>
#include <math.h>

/* Loops in which the compiler may add in any order; one order for one machine. */
VEC_CLONES
static float greatest(const float *x, size_t c) {
    float most = x[0];
#pragma omp simd reduction(max : most)
    for (size_t i = 0; i < c; i++) most = x[i] > most ? x[i] : most;
    return most;
}

VEC_CLONES
static void share_row(float *y, const float *x, size_t c) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < c; i++) sum += x[i] > 0 ? x[i] : 0;
    float over = 1 / (sum + ACT_CHANNEL_EPS);
    for (size_t i = 0; i < c; i++) y[i] = (x[i] > 0 ? x[i] : 0) * over;
}

/* e^(x - shift) over their sum + eps. */
VEC_CLONES
static void softmax_row(float *y, const float *x, size_t c, float shift, float eps) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < c; i++) {
        float e = vec_exp(x[i] - shift);
        y[i] = e;
        sum += e;
    }
    float over = 1 / (sum + eps);
    for (size_t i = 0; i < c; i++) y[i] *= over;
}

void act_channels_forward(float *y, const float *x, size_t rows, size_t c, act_kind a) {
    assert(act_over_channels(a) && c > 0);
    for (size_t r = 0; r < rows; r++, x += c, y += c) {
        float most = a == ACT_NORM_CHAN ? 0 : greatest(x, c);
        if (a == ACT_NORM_CHAN)
            share_row(y, x, c);
        else if (a == ACT_NORM_CHAN_SOFTMAX_MAXVAL)
            softmax_row(y, x, c, most, ACT_CHANNEL_EPS);
        /* Without a shift e^x overflows above 88; eps shrinks with the rest. */
        else
            softmax_row(y, x, c, most > 0 ? most : 0,
                        ACT_CHANNEL_EPS * vec_exp(most > 0 ? -most : 0));
    }
}

VEC_CLONES
static float dot(const float *a, const float *b, size_t c) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < c; i++) sum += a[i] * b[i];
    return sum;
}

VEC_CLONES
static void share_back(float *dx, const float *dy, const float *x, size_t c, float g) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < c; i++) sum += x[i] > 0 ? x[i] : 0;
    float over = 1 / (sum + ACT_CHANNEL_EPS);
    for (size_t i = 0; i < c; i++) dx[i] = x[i] > 0 ? (dy[i] - g) * over : 0;
}

VEC_CLONES
static void softmax_back(float *dx, const float *dy, const float *y, size_t c, float g) {
    for (size_t i = 0; i < c; i++) dx[i] = y[i] * (dy[i] - g);
}

static size_t first_greatest(const float *x, size_t c) {
    size_t at = 0;
    for (size_t i = 1; i < c; i++)
        if (x[i] > x[at]) at = i;
    return at;
}

void act_channels_backward(float *dx, const float *dy, const float *x, const float *y, size_t rows,
                           size_t c, act_kind a) {
    assert(act_over_channels(a) && c > 0);
    for (size_t r = 0; r < rows; r++, x += c, y += c, dx += c, dy += c) {
        float g = dot(y, dy, c);
        if (a == ACT_NORM_CHAN) {
            share_back(dx, dy, x, c, g);
            continue;
        }
        softmax_back(dx, dy, y, c, g);
        if (a == ACT_NORM_CHAN_SOFTMAX_MAXVAL) {
            size_t top = first_greatest(x, c);
            dx[top] -= g * ACT_CHANNEL_EPS * y[top]; /* y = 1/(sum + eps) there */
        }
    }
}
