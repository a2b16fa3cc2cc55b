/* maxpool.c - the largest of each window, over contiguous channels; or of each group of channels;
 * or a map whose other values become 0. */
#include "engine/cpu/pool.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static int shape(const engine *e, node *n, char *err) {
    shape4 s = e->nodes[n->in[0]].s;
    int own = n->d.out_channels;
    if (own > 0) {
        n->s = (shape4){s.n, s.h, s.w, own};
        return own <= s.c
                   ? 0
                   : fail(err, "node %d: %d of %d channels cannot be told apart", n->id, own, s.c);
    }
    return engine_pool_shape(e, n, err);
}

/* Where each maximum came from, one per output value: the pixel y*w + x of the input; over channels
 * the channel; and with zero_nonmax 1 where the value stays. */
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

static void window_max(float *y, int32_t *from, const float *x, shape4 in, pool_window v) {
    size_t c = (size_t)in.c;
    int32_t first = v.y0 * in.w + v.x0;
    memcpy(y, x + (size_t)first * c, c * sizeof *y);
    for (size_t j = 0; from && j < c; j++) from[j] = first;
    for (int iy = v.y0; iy < v.y1; iy++)
        for (int ix = v.x0; ix < v.x1; ix++) {
            int32_t at = iy * in.w + ix;
            if (at != first) take_max(y, from, x + (size_t)at * c, at, in.c);
        }
}

/* Of every own-th channel. */
static void channel_max(float *y, int32_t *from, const float *x, int c, int own) {
    for (int g = 0; g < own; g++) {
        int best = g;
        for (int k = g + own; k < c; k += own)
            if (x[k] > x[best]) best = k;
        y[g] = x[best];
        if (from) from[g] = best;
    }
}

/* y has what each window's largest is; of the values themselves these stay. */
static void keep_largest(float *y, int32_t *from, const float *x, size_t n) {
    for (size_t j = 0; j < n; j++) {
        int largest = x[j] >= y[j];
        y[j] = largest ? x[j] : 0;
        if (from) from[j] = largest;
    }
}

static void forward(engine *e, node *n, const engine_mode *m) {
    const maxpool *p = n->state;
    const node *a = &e->nodes[n->in[0]];
    shape4 in = a->s, out = n->s;
    int32_t *all = m->keep ? (int32_t *)(void *)p->from.p : NULL;
    int own = n->d.out_channels, zero = n->d.zero_nonmax;
#pragma omp parallel for collapse(2) schedule(static)
    for (int b = 0; b < in.n; b++)
        for (int oy = 0; oy < out.h; oy++) {
            size_t at = engine_pixel(out, b, oy, 0);
            const float *x = a->y.p + engine_pixel(in, b, 0, 0);
            for (int ox = 0; ox < out.w; ox++, at += (size_t)out.c) {
                float *y = n->y.p + at;
                int32_t *from = all ? all + at : NULL;
                if (own > 0) {
                    channel_max(y, from, a->y.p + engine_pixel(in, b, oy, ox), in.c, own);
                    continue;
                }
                window_max(y, zero ? NULL : from, x, in, engine_pool_window(&n->d, in, oy, ox));
                if (zero) keep_largest(y, from, a->y.p + at, (size_t)out.c);
            }
        }
}

/* What output pixel i of a picture gives back, to the picture's delta d. */
static void pixel_back(const node *n, float *d, const float *dy, const int32_t *from, size_t i,
                       size_t in_c) {
    size_t c = (size_t)n->s.c;
    if (n->d.out_channels > 0)
        for (size_t j = 0; j < c; j++) d[i * in_c + (size_t)from[j]] += dy[j];
    else if (n->d.zero_nonmax)
        for (size_t j = 0; j < c; j++) d[i * c + j] += from[j] ? dy[j] : 0;
    else
        for (size_t j = 0; j < c; j++) d[(size_t)from[j] * c + j] += dy[j];
}

/* Windows overlap, so a picture belongs to one thread. */
static void backward(engine *e, node *n, const engine_mode *m) {
    const maxpool *p = n->state;
    shape4 in = e->nodes[n->in[0]].s, out = n->s;
    int add = 0;
    float *dx = engine_delta_of(e, n->in[0], &add);
    if (!dx) return;
    size_t in_len = shape_len(in) / (size_t)in.n, pixels = (size_t)out.h * (size_t)out.w;
    const int32_t *from = (const int32_t *)(const void *)p->from.p;
#pragma omp parallel for schedule(static)
    for (int b = 0; b < in.n; b++) {
        float *d = dx + (size_t)b * in_len;
        if (!add) memset(d, 0, in_len * sizeof *d);
        for (size_t i = 0; i < pixels; i++) {
            size_t at = ((size_t)b * pixels + i) * (size_t)out.c;
            pixel_back(n, d, n->delta->b.p + at, from + at, i, (size_t)in.c);
        }
    }
}

const node_ops engine_cpu_maxpool = {
    .shape = shape, .plan = plan, .forward = forward, .backward = backward, .free = release};
