/* scale_channels.c - a map times another: one of a number for each channel, one of a number for
 * each pixel, or one of the same size. Reads (factors, map), as the fork's [scale_channels] and
 * [sam]; or (map, factors), as YOLOR's [control_channels], and with a sum in the product's place
 * its [shift_channels]. */
#include "engine/cpu/cpu.h"
#include <stdlib.h>

static int shape(const engine *e, node *n, char *err) {
    shape4 f = e->nodes[n->in[n->d.factors_last]].s, x = e->nodes[n->in[!n->d.factors_last]].s;
    int all = f.h == x.h && f.w == x.w, one = f.h == 1 && f.w == 1;
    if ((f.c != x.c && !(all && f.c == 1)) || (!all && !one))
        return fail(err,
                    "node %d: factors of %dx%dx%d do not go with a map of %dx%dx%d: they must have "
                    "its width and height, its channels, or both",
                    n->id, f.h, f.w, f.c, x.h, x.w, x.c);
    n->s = x;
    return 0;
}

/* State: what an activation had, where its gradient needs that. */
static void plan(engine *e, node *n) {
    buffer *z = calloc(1, sizeof *z);
    if (!z) engine_die("out of memory for node %d", n->id);
    engine_cpu_keep_input(e, n, z, n->d.activation);
    n->state = z;
}

static void release(engine *e, node *n) {
    engine_drop(e, n->state);
    free(n->state);
}

/* The factors of row (picture*h + y), and how far apart those of two pixels lie: 0, 1 or c. */
static size_t factors_at(const node *f, shape4 x, int row, size_t *step) {
    int one = f->s.h == 1 && f->s.w == 1;
    *step = one ? 0 : (size_t)f->s.c;
    return one ? (size_t)(row / x.h) * (size_t)f->s.c : (size_t)row * (size_t)x.w * (size_t)f->s.c;
}

/* y (=) or (+=) x times the factors, or (=) plus them, a pixel. */
CPU_CLONES static void times(float *y, const float *x, const float *f, int c, int single, int add) {
    for (int j = 0; j < c; j++) {
        float v = x[j] * f[single ? 0 : j];
        y[j] = add ? y[j] + v : v;
    }
}
CPU_CLONES static void plus(float *y, const float *x, const float *f, int c, int single) {
    for (int j = 0; j < c; j++) y[j] = x[j] + f[single ? 0 : j];
}

static void multiply(const node *f, shape4 s, float *y, const float *x, int add, int shift) {
    size_t row = (size_t)s.w * (size_t)s.c;
    int single = f->s.c == 1 && s.c > 1;
#pragma omp parallel for schedule(static)
    for (int r = 0; r < s.n * s.h; r++) {
        size_t step, at = factors_at(f, s, r, &step);
        for (size_t p = 0; p < (size_t)s.w; p++) {
            size_t k = (size_t)r * row + p * (size_t)s.c;
            const float *by = f->y.p + at + p * step;
            if (shift)
                plus(y + k, x + k, by, s.c, single);
            else
                times(y + k, x + k, by, s.c, single, add);
        }
    }
}

static void forward(engine *e, node *n, const engine_mode *m) {
    const node *f = &e->nodes[n->in[n->d.factors_last]], *x = &e->nodes[n->in[!n->d.factors_last]];
    const buffer *kept = n->state;
    float *z = kept->p && m->keep ? kept->p : n->y.p;
    multiply(f, n->s, z, x->y.p, 0, n->d.shift);
    engine_cpu_act(n->y.p, z, shape_len(n->s), n->d.activation);
}

/* (+=) to the factors of one picture: the sums over what each of them was multiplied with; x NULL:
 * added to. */
static void factor_sums(const node *f, shape4 s, int picture, double *sum, float *df,
                        const float *dy, const float *x) {
    size_t c = (size_t)s.c, fc = (size_t)f->s.c, pixels = (size_t)s.h * (size_t)s.w;
    int one = f->s.h == 1 && f->s.w == 1;
    size_t at = (size_t)picture * pixels * c, to = (size_t)picture * (one ? fc : pixels * fc);
    for (size_t j = 0; one && j < fc; j++) sum[j] = 0;
    for (size_t p = 0; p < pixels; p++, at += c) {
        double here = 0;
        for (size_t j = 0; j < c; j++) {
            float v = dy[at + j] * (x ? x[at + j] : 1);
            if (one)
                sum[j] += v;
            else if (fc == c)
                df[to + p * fc + j] += v;
            else
                here += v;
        }
        if (!one && fc != c) df[to + p] += (float)here;
    }
    for (size_t j = 0; one && j < fc; j++) df[to + j] += (float)sum[j];
}

static void backward(engine *e, node *n, const engine_mode *m) {
    const node *f = &e->nodes[n->in[n->d.factors_last]], *x = &e->nodes[n->in[!n->d.factors_last]];
    const buffer *z = n->state;
    int add = 0;
    engine_cpu_delta_act(e, n, n->d.activation, z->p);
    if (n->d.shift) {
        engine_delta_pass(e, n, x->id);
    } else {
        float *dx = engine_delta_of(e, x->id, &add);
        if (dx) multiply(f, n->s, dx, n->delta->b.p, add, 0);
    }
    float *df = engine_delta_of(e, f->id, &add);
    if (!df) return;
    if (!add) e->b->zero(e, df, shape_len(f->s));
    size_t room = (size_t)f->s.c + 8;
    double *sums = (double *)(void *)engine_need(e, &e->work, 2 * room * (size_t)n->s.n);
#pragma omp parallel for schedule(static)
    for (int b = 0; b < n->s.n; b++)
        factor_sums(f, n->s, b, sums + room * (size_t)b, df, n->delta->b.p,
                    n->d.shift ? NULL : x->y.p);
}

const node_ops engine_cpu_scale_channels = {
    .shape = shape, .plan = plan, .forward = forward, .backward = backward, .free = release};
