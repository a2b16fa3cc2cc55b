/* maxpool.c - the largest of each window, over contiguous channels. */
#include "engine/cpu/cpu.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static int shape(const engine *e, node *n, char *err) {
    shape4 s = e->nodes[n->in[0]].s;
    int size = n->d.size, stride = n->d.stride, pad = n->d.pad;
    if (s.h + pad < size || s.w + pad < size) {
        return fail(
            err,
            "node %d: a pooling window of size %d does not fit its input of %dx%d; use a larger picture",
            n->id, size, s.h, s.w);
    }
    if (pad - pad / 2 >= size) {
        return fail(
            err,
            "node %d: padding=%d lets a window of size %d lie outside the picture; use at most %d",
            n->id, pad, size, 2 * size - 2);
    }
    n->s = (shape4){s.n, (s.h + pad - size) / stride + 1, (s.w + pad - size) / stride + 1, s.c};
    return 0;
}

/* Where each maximum came from: the pixel y*w + x of the input, one per output value. */
typedef struct {
    buffer from;
} maxpool;

static void plan(engine *e, node *n) {
    maxpool *p = calloc(1, sizeof *p);
    if (!p) engine_die("out of memory for node %d", n->id);
    _Static_assert(sizeof(int32_t) == sizeof(float), "indices live in a buffer of floats");
    if (e->training) engine_need(e, &p->from, shape_len(n->s));
    n->state = p;
}

static void release(engine *e, node *n) {
    maxpool *p = n->state;
    engine_drop(e, &p->from);
    free(p);
}

/* Later values must be larger to win, as in Darknet: the first of equals gets the gradient. */
CPU_CLONES static void take_max(float *restrict y, int32_t *restrict from, const float *restrict x,
                                int32_t at, int c) {
    if (!from) {
        for (int j = 0; j < c; j++) y[j] = x[j] > y[j] ? x[j] : y[j];
        return;
    }
    for (int j = 0; j < c; j++) {
        int more = x[j] > y[j];
        y[j] = more ? x[j] : y[j];
        from[j] = more ? at : from[j];
    }
}

static void maxpool_row(float *y, int32_t *from, const float *x, shape4 in, shape4 out, int oy,
                        int size, int stride, int offset) {
    int y0 = oy * stride - offset, y1 = y0 + size < in.h ? y0 + size : in.h;
    size_t c = (size_t)in.c;
    if (y0 < 0) y0 = 0;
    for (int ox = 0; ox < out.w; ox++, y += c) {
        int x0 = ox * stride - offset, x1 = x0 + size < in.w ? x0 + size : in.w;
        if (x0 < 0) x0 = 0;
        int32_t first = y0 * in.w + x0, *f = from ? from + (size_t)ox * c : NULL;
        memcpy(y, x + (size_t)first * c, c * sizeof *y);
        for (size_t j = 0; f && j < c; j++) f[j] = first;
        for (int iy = y0; iy < y1; iy++) {
            for (int ix = x0; ix < x1; ix++) {
                int32_t at = iy * in.w + ix;
                if (at != first) take_max(y, f, x + (size_t)at * c, at, in.c);
            }
        }
    }
}

static void forward(engine *e, node *n, const engine_mode *m) {
    const maxpool *p = n->state;
    const node *a = &e->nodes[n->in[0]];
    shape4 in = a->s, out = n->s;
    size_t in_len = shape_len(in) / (size_t)in.n, row = (size_t)out.w * (size_t)out.c;
    int32_t *from = m->keep ? (int32_t *)(void *)p->from.p : NULL;
    int size = n->d.size, stride = n->d.stride, offset = n->d.pad / 2;
#pragma omp parallel for collapse(2) schedule(static)
    for (int b = 0; b < in.n; b++) {
        for (int oy = 0; oy < out.h; oy++) {
            size_t at = ((size_t)b * (size_t)out.h + (size_t)oy) * row;
            maxpool_row(n->y.p + at, from ? from + at : NULL, a->y.p + (size_t)b * in_len, in, out,
                        oy, size, stride, offset);
        }
    }
}

/* Windows overlap, so a picture belongs to one thread. */
static void backward(engine *e, node *n, const engine_mode *m) {
    const maxpool *p = n->state;
    shape4 in = e->nodes[n->in[0]].s, out = n->s;
    int add = 0;
    float *dx = engine_delta_of(e, n->in[0], &add);
    if (!dx) return;
    size_t c = (size_t)in.c, in_len = shape_len(in) / (size_t)in.n,
           pixels = (size_t)out.h * (size_t)out.w;
    const int32_t *from = (const int32_t *)(const void *)p->from.p;
#pragma omp parallel for schedule(static)
    for (int b = 0; b < in.n; b++) {
        float *d = dx + (size_t)b * in_len;
        if (!add) memset(d, 0, in_len * sizeof *d);
        for (size_t i = 0; i < pixels; i++) {
            size_t at = ((size_t)b * pixels + i) * c;
            for (size_t j = 0; j < c; j++) d[(size_t)from[at + j] * c + j] += n->delta->b.p[at + j];
        }
    }
}

const node_ops engine_cpu_maxpool = {
    .shape = shape, .plan = plan, .forward = forward, .backward = backward, .free = release};
