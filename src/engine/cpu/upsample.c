/* upsample.c - each point becomes a square. */
#include "engine/cpu/cpu.h"

static int shape(const engine *e, node *n, char *err) {
    shape4 s = e->nodes[n->in[0]].s;
    n->s = (shape4){s.n, s.h * n->d.stride, s.w * n->d.stride, s.c};
    return 0;
}

static void forward(engine *e, node *n, const engine_mode *m) {
    const node *a = &e->nodes[n->in[0]];
    int k = n->d.stride;
    float scale = n->d.scale;
#pragma omp parallel for collapse(2) schedule(static)
    for (int b = 0; b < n->s.n; b++) {
        for (int y = 0; y < n->s.h; y++) {
            for (int x = 0; x < n->s.w; x++) {
                float *o = n->y.p + engine_pixel(n->s, b, y, x);
                const float *f = a->y.p + engine_pixel(a->s, b, y / k, x / k);
                for (int c = 0; c < n->s.c; c++) o[c] = scale * f[c];
            }
        }
    }
}

static void backward(engine *e, node *n, const engine_mode *m) {
    shape4 in = e->nodes[n->in[0]].s;
    int k = n->d.stride, add = 0;
    float scale = n->d.scale, *dx = engine_delta_of(e, n->in[0], &add);
    if (!dx) return;
    if (!add) e->b->zero(e, dx, shape_len(in));
#pragma omp parallel for collapse(2) schedule(static)
    for (int b = 0; b < in.n; b++) {
        for (int y = 0; y < in.h; y++) {
            for (int x = 0; x < in.w * k * k; x++) {
                float *d = dx + engine_pixel(in, b, y, x / (k * k));
                const float *o = n->delta->b.p +
                                 engine_pixel(n->s, b, y * k + x / k % k, x / (k * k) * k + x % k);
                for (int c = 0; c < in.c; c++) d[c] += scale * o[c];
            }
        }
    }
}

const node_ops engine_cpu_upsample = {.shape = shape, .forward = forward, .backward = backward};
