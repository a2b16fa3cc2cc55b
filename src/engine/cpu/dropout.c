/* dropout.c - values are dropped one by one. */
#include "engine/cpu/cpu.h"
#include <omp.h>

/* Row by row (picture*h + y): noise that no layout or number of threads can change, drawn again
 * later. */
static void drop(engine *e, const node *n, const engine_mode *m, float *to, const float *from,
                 int add) {
    rng_key_t key = rng_key(m->seed, RNG_DROPOUT, m->draw, (uint64_t)n->id);
    size_t row = (size_t)n->s.w * (size_t)n->s.c, room = (row + 15) / 16 * 16;
    float p = n->d.probability, scale = 1 / (1 - p);
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

static void forward(engine *e, node *n, const engine_mode *m) {
    const float *x = e->nodes[n->in[0]].y.p;
    if (m->dropout)
        drop(e, n, m, n->y.p, x, 0);
    else
        engine_cpu_copy(n->y.p, x, shape_len(n->s), 0);
}

static void backward(engine *e, node *n, const engine_mode *m) {
    int add = 0;
    float *dx = engine_delta_of(e, n->in[0], &add);
    if (!dx) return;
    if (m->dropout)
        drop(e, n, m, dx, n->delta->b.p, add);
    else
        engine_cpu_copy(dx, n->delta->b.p, shape_len(n->s), add);
}

const node_ops engine_cpu_dropout = {.forward = forward, .backward = backward};
