/* avgpool.c - the mean of a map. */
#include "engine/cpu/cpu.h"

static int shape(const engine *e, node *n, char *err) {
    shape4 s = e->nodes[n->in[0]].s;
    n->s = (shape4){s.n, 1, 1, s.c};
    return 0;
}

/* Float over one row of the map, double over rows: 608x608 maps keep their digits. */
CPU_CLONES static void mean_of(float *restrict y, const float *restrict x, int h, int w, int c) {
    enum { LANES = 64 };
    for (int c0 = 0; c0 < c; c0 += LANES) {
        double sum[LANES] = {0};
        int n = c - c0 < LANES ? c - c0 : LANES;
        for (int r = 0; r < h; r++) {
            float part[LANES] = {0};
            for (int i = 0; i < w; i++) {
                const float *at = x + ((size_t)r * (size_t)w + (size_t)i) * (size_t)c + (size_t)c0;
                for (int j = 0; j < n; j++) part[j] += at[j];
            }
            for (int j = 0; j < n; j++) sum[j] += part[j];
        }
        for (int j = 0; j < n; j++) y[c0 + j] = (float)(sum[j] / ((double)h * w));
    }
}

static void forward(engine *e, node *n, const engine_mode *m) {
    const node *a = &e->nodes[n->in[0]];
    size_t in_len = shape_len(a->s) / (size_t)a->s.n;
#pragma omp parallel for schedule(static)
    for (int b = 0; b < a->s.n; b++) {
        mean_of(n->y.p + (size_t)b * (size_t)a->s.c, a->y.p + (size_t)b * in_len, a->s.h, a->s.w,
                a->s.c);
    }
}

CPU_CLONES static void spread(float *restrict dx, const float *restrict dy, size_t pixels, int c,
                              int add) {
    float k = (float)(1.0 / (double)pixels);
    for (size_t i = 0; i < pixels; i++, dx += c) {
        if (add)
            for (int j = 0; j < c; j++) dx[j] += k * dy[j];
        else
            for (int j = 0; j < c; j++) dx[j] = k * dy[j];
    }
}

static void backward(engine *e, node *n, const engine_mode *m) {
    shape4 in = e->nodes[n->in[0]].s;
    int add = 0;
    float *dx = engine_delta_of(e, n->in[0], &add);
    if (!dx) return;
    size_t pixels = (size_t)in.h * (size_t)in.w, c = (size_t)in.c;
#pragma omp parallel for schedule(static)
    for (int b = 0; b < in.n; b++) {
        spread(dx + (size_t)b * pixels * c, n->delta->b.p + (size_t)b * c, pixels, in.c, add);
    }
}

const node_ops engine_cpu_avgpool = {.shape = shape, .forward = forward, .backward = backward};
