/* optim.c - see optim.h */
#include "ops/optim.h"
#include "ops/vecmath.h"
#include <math.h>

enum { CHUNK = 1 << 14 }; /* floats; below it a second thread costs more than it saves */

VEC_CLONES
static void sgd_chunk(float *w, float *u, size_t n, float step, float keep, float shrink) {
    for (size_t i = 0; i < n; i++) {
        float g = u[i] - shrink * w[i];
        w[i] += step * g;
        u[i] = keep * g;
    }
}

void sgd_step(float *w, float *update, size_t n, const sgd_args *a, int batch) {
    float step = a->rate / (float)batch, shrink = a->decay * (float)batch;
#pragma omp parallel for schedule(static) if (n > CHUNK)
    for (size_t i = 0; i < n; i += CHUNK)
        sgd_chunk(w + i, update + i, n - i < CHUNK ? n - i : CHUNK, step, a->momentum, shrink);
}

typedef struct {
    float scale, decay, b1, b2, step, root, eps;
} adam_now;

VEC_CLONES
static void adam_chunk(float *w, float *u, float *m, float *v, size_t n, adam_now a) {
    for (size_t i = 0; i < n; i++) {
        float g = a.scale * u[i] + a.decay * w[i];
        m[i] = a.b1 * m[i] + (1 - a.b1) * g;
        v[i] = a.b2 * v[i] + (1 - a.b2) * g * g;
        w[i] -= a.step * m[i] / (sqrtf(v[i]) * a.root + a.eps);
        u[i] = 0;
    }
}

void adam_step(float *w, float *update, float *m, float *v, size_t n, const adam_args *a,
               int batch) {
    /* The bias corrections in double: 1 - 0.999^1 has three digits left in float. */
    double c1 = 1 - pow((double)a->beta1, a->t), c2 = 1 - pow((double)a->beta2, a->t);
    adam_now now = {
        -1 / (float)batch,     a->decay, a->beta1, a->beta2, (float)((double)a->rate / c1),
        (float)(1 / sqrt(c2)), a->eps};
#pragma omp parallel for schedule(static) if (n > CHUNK)
    for (size_t i = 0; i < n; i += CHUNK)
        adam_chunk(w + i, update + i, m + i, v + i, n - i < CHUNK ? n - i : CHUNK, now);
}

VEC_CLONES
static void ema_chunk(float *avg, const float *w, size_t n, float rate) {
    for (size_t i = 0; i < n; i++) avg[i] = rate < 1 ? avg[i] + rate * (w[i] - avg[i]) : w[i];
}

void ema_step(float *avg, const float *w, size_t n, float rate) {
#pragma omp parallel for schedule(static) if (n > CHUNK)
    for (size_t i = 0; i < n; i += CHUNK)
        ema_chunk(avg + i, w + i, n - i < CHUNK ? n - i : CHUNK, rate);
}
