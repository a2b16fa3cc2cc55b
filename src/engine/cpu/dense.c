/* dense.c - softmax with its loss, and dropout. */
#include "engine/cpu/cpu.h"
#include <math.h>
#include <omp.h>

/* p = softmax(x / t). The largest logit is subtracted, or expf overflows. */
static void softmax_row(float *p, const float *x, int c, float t) {
    float top = x[0];
    double sum = 0;
    for (int j = 1; j < c; j++) top = x[j] > top ? x[j] : top;
    for (int j = 0; j < c; j++) {
        p[j] = expf((x[j] - top) / t);
        sum += p[j];
    }
    for (int j = 0; j < c; j++) p[j] = (float)(p[j] / sum);
}

void engine_cpu_softmax_forward(engine *e, node *n, const engine_mode *m) {
    const float *x = e->nodes[n->in[0]].y.p;
    int c = n->s.c;
#pragma omp parallel for schedule(static)
    for (int b = 0; b < n->s.n; b++) {
        softmax_row(n->y.p + (size_t)b * (size_t)c, x + (size_t)b * (size_t)c, c,
                    n->d.softmax.temperature);
    }
    n->loss = 0;
    if (!e->truth || n->d.softmax.noloss) return;
    size_t len = shape_len(n->s);
    for (size_t i = 0; i < len; i++) {
        if (e->truth[i] != 0) n->loss -= e->truth[i] * log(fmax(n->y.p[i], 1e-12));
        /* fmax drops a NaN; a diverged network must show. */
        if (isnan(n->y.p[i])) n->loss = NAN;
    }
    int add = 0;
    float *d = m->keep ? engine_delta_of(e, n->id, &add) : NULL;
    for (size_t i = 0; d && i < len; i++) d[i] = (add ? d[i] : 0) + e->truth[i] - n->y.p[i];
}

/* delta is already that of the logits: Darknet leaves out the temperature here, and files were
 * trained so. */
void engine_cpu_softmax_backward(engine *e, node *n, const engine_mode *m) {
    engine_delta_pass(e, n, n->in[0]);
}

/* Row by row (picture*h + y): noise that no layout or number of threads can change, drawn again
 * later. */
static void drop(engine *e, const node *n, const engine_mode *m, float *to, const float *from,
                 int add) {
    rng_key_t key = rng_key(m->seed, RNG_DROPOUT, m->draw, (uint64_t)n->id);
    size_t row = (size_t)n->s.w * (size_t)n->s.c, room = (row + 15) / 16 * 16;
    float p = n->d.drop.probability, scale = 1 / (1 - p);
    int rows = n->s.n * n->s.h;
    float *u_all = engine_need(e, &e->work, room * (size_t)omp_get_max_threads());
#pragma omp parallel for schedule(static)
    for (int r = 0; r < rows; r++) {
        float *u = u_all + room * (size_t)omp_get_thread_num(), *t = to + (size_t)r * row;
        const float *f = from + (size_t)r * row;
        rng_uniform_row(u, row, key, (uint32_t)r);
        if (add)
            for (size_t i = 0; i < row; i++) t[i] += u[i] < p ? 0 : scale * f[i];
        else
            for (size_t i = 0; i < row; i++) t[i] = u[i] < p ? 0 : scale * f[i];
    }
}

void engine_cpu_dropout_forward(engine *e, node *n, const engine_mode *m) {
    const float *x = e->nodes[n->in[0]].y.p;
    if (m->dropout)
        drop(e, n, m, n->y.p, x, 0);
    else
        engine_cpu_copy(n->y.p, x, shape_len(n->s), 0);
}

void engine_cpu_dropout_backward(engine *e, node *n, const engine_mode *m) {
    int add = 0;
    float *dx = engine_delta_of(e, n->in[0], &add);
    if (!dx) return;
    if (m->dropout)
        drop(e, n, m, dx, n->delta->b.p, add);
    else
        engine_cpu_copy(dx, n->delta->b.p, shape_len(n->s), add);
}
