/* ball.c - see ball.h */
#include "ops/ball.h"
#include <math.h>
#include <stdlib.h>

/* In float: gcc 12 for arm64 cannot compile the same loop over doubles made of floats. */
static double largest(const float *v, size_t d) {
    float s = 0;
    for (size_t i = 0; i < d; i++) {
        float a = fabsf(v[i]);
        s = a > s ? a : s;
    }
    return (double)s;
}

double ball_norm(ball_kind k, const float *v, size_t d) {
    double s = 0;
    if (k == BALL_LINF) return largest(v, d);
    if (k == BALL_L1)
        for (size_t i = 0; i < d; i++) s += fabs((double)v[i]);
    else
        for (size_t i = 0; i < d; i++) s += (double)v[i] * (double)v[i];
    return k == BALL_L2 ? sqrt(s) : s;
}

static int falling(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x < y) - (x > y);
}

static float sign(float v) { return (float)((v > 0) - (v < 0)); }

static void clip_to_picture(float *delta, const float *x, size_t d) {
    for (size_t i = 0; i < d; i++) delta[i] = fminf(fmaxf(x[i] + delta[i], 0), 1) - x[i];
}

/* The slope of a coordinate that can still move, else 0. */
static float open_slope(float g, float at) {
    return (g > 0 && at >= 1) || (g < 0 && at <= 0) ? 0 : fabsf(g);
}

static void step_l1(float *delta, const float *g, const float *x, size_t d, float length,
                    float *scratch) {
    size_t k = d / 100 ? d / 100 : 1, n = 0;
    for (size_t i = 0; i < d; i++) scratch[i] = open_slope(g[i], x[i] + delta[i]);
    qsort(scratch, d, sizeof *scratch, falling);
    float least = scratch[k - 1];
    while (n < k && scratch[n] > 0) n++; /* fewer than k slopes */
    for (size_t i = 0, taken = 0; i < d && taken < n; i++) {
        float s = open_slope(g[i], x[i] + delta[i]);
        if (s <= 0 || s < least) continue;
        delta[i] += length / (float)n * sign(g[i]);
        taken++;
    }
}

void ball_step(ball_kind k, float *delta, const float *g, const float *x, size_t d, float length,
               float *scratch) {
    if (k == BALL_LINF) {
        for (size_t i = 0; i < d; i++) delta[i] += length * sign(g[i]);
    } else if (k == BALL_L2) {
        double norm = ball_norm(BALL_L2, g, d);
        for (size_t i = 0; norm > 0 && i < d; i++)
            delta[i] += (float)((double)length * (double)g[i] / norm);
    } else {
        step_l1(delta, g, x, d, length, scratch);
    }
}

/* |delta| of every coordinate falls by the same threshold, such that the sum of what is left is
 * eps. */
static void project_l1(float *delta, size_t d, float eps, float *scratch) {
    if (ball_norm(BALL_L1, delta, d) <= (double)eps) return;
    double sum = 0, threshold = 0;
    for (size_t i = 0; i < d; i++) scratch[i] = fabsf(delta[i]);
    qsort(scratch, d, sizeof *scratch, falling);
    for (size_t i = 0; i < d; i++) {
        sum += (double)scratch[i];
        double t = (sum - (double)eps) / (double)(i + 1);
        if ((double)scratch[i] <= t) break;
        threshold = t;
    }
    for (size_t i = 0; i < d; i++)
        delta[i] = (float)fmax(fabs((double)delta[i]) - threshold, 0) * sign(delta[i]);
}

void ball_project(ball_kind k, float *delta, const float *x, size_t d, float eps, float *scratch) {
    if (k == BALL_LINF) {
        for (size_t i = 0; i < d; i++) delta[i] = fminf(fmaxf(delta[i], -eps), eps);
    } else if (k == BALL_L2) {
        double norm = ball_norm(BALL_L2, delta, d);
        for (size_t i = 0; norm > (double)eps && i < d; i++)
            delta[i] = (float)((double)delta[i] * (double)eps / norm);
    } else {
        project_l1(delta, d, eps, scratch);
    }
    clip_to_picture(delta, x, d);
}

void ball_random(ball_kind k, float *delta, const float *x, size_t d, float eps, rng_stream *r) {
    for (size_t i = 0; i < d; i++) {
        if (k == BALL_LINF)
            delta[i] = rng_uniform(r, -eps, eps);
        else if (k == BALL_L2)
            delta[i] = rng_normal(r);
        else
            delta[i] = (rng_u32(r) & 1 ? 1.0F : -1.0F) * -logf(1 - rng_uniform(r, 0, 1));
    }
    if (k != BALL_LINF) { /* a random direction, and a length between 0 and eps */
        double f = (double)rng_uniform(r, 0, eps) / ball_norm(k, delta, d);
        for (size_t i = 0; i < d; i++) delta[i] = (float)((double)delta[i] * f);
    }
    clip_to_picture(delta, x, d);
}
