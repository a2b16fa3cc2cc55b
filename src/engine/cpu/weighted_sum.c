/* weighted_sum.c - a map plus others, each times a factor of its own, or one for each channel, that
 * come from learned weights (ops/weighted_sum.h); without weights all are 1. The [shortcut] of
 * AlexeyAB's fork. A map with fewer channels is added to the first ones, of one with more the first
 * are added. */
#include "engine/cpu/cpu.h"
#include <stdlib.h>

typedef struct {
    buffer z, k; /* what an activation had, where its gradient needs that; factors (inputs, C) */
} sum;

static int shape(const engine *e, node *n, char *err) {
    shape4 a = e->nodes[n->in[0]].s;
    for (int i = 1; i < n->n_in; i++) {
        shape4 b = e->nodes[n->in[i]].s;
        if (a.h != b.h || a.w != b.w)
            return fail(err,
                        "node %d: maps of %dx%d (node %d) and %dx%d (node %d) cannot be added: "
                        "several, or with weights, must have one size",
                        n->id, a.h, a.w, n->in[0], b.h, b.w, n->in[i]);
    }
    n->s = a;
    return 0;
}

static void plan(engine *e, node *n) {
    sum *s = calloc(1, sizeof *s);
    if (!s) engine_die("out of memory for node %d", n->id);
    engine_cpu_keep_input(e, n, &s->z, n->d.activation);
    engine_need(e, &s->k, (size_t)n->n_in * (size_t)n->s.c);
    n->state = s;
}

static void release(engine *e, node *n) {
    sum *s = n->state;
    engine_drop(e, &s->z);
    engine_drop(e, &s->k);
    free(s);
}

static void take_factors(const node *n, float *k) {
    size_t c = (size_t)n->s.c, all = (size_t)n->n_in * c, sets = n->d.per_channel ? c : 1;
    const float *w = n->d.p.weights;
    for (size_t i = 0; n->d.norm == SUM_PLAIN && i < all; i++) k[i] = 1;
    if (n->d.norm == SUM_PLAIN) return;
    for (size_t j = 0; j < sets; j++) sum_factors(k + j, c, w + j, sets, n->n_in, n->d.norm);
    for (size_t i = 0; sets < c && i < all; i++) k[i] = k[i / c * c];
}

static size_t shared(const node *a, const node *b) {
    return (size_t)(a->s.c < b->s.c ? a->s.c : b->s.c);
}

/* y (=) or (+=) k x over the first c channels of each pixel. */
CPU_CLONES static void weigh(float *y, size_t y_step, const float *x, size_t x_step, const float *k,
                             size_t c, size_t pixels, int add) {
    for (size_t p = 0; p < pixels; p++, y += y_step, x += x_step)
        for (size_t j = 0; j < c; j++) {
            float v = k[j] * x[j];
            y[j] = add ? y[j] + v : v;
        }
}

static void forward(engine *e, node *n, const engine_mode *m) {
    const sum *s = n->state;
    size_t c = (size_t)n->s.c, w = (size_t)n->s.w;
    float *z = s->z.p && m->keep ? s->z.p : n->y.p;
    take_factors(n, s->k.p);
#pragma omp parallel for schedule(static)
    for (int r = 0; r < n->s.n * n->s.h; r++)
        for (int i = 0; i < n->n_in; i++) {
            const node *a = &e->nodes[n->in[i]];
            size_t ac = (size_t)a->s.c;
            weigh(z + (size_t)r * w * c, c, a->y.p + (size_t)r * w * ac, ac, s->k.p + (size_t)i * c,
                  shared(n, a), w, i > 0);
        }
    engine_cpu_act(n->y.p, z, shape_len(n->s), n->d.activation);
}

static void pass_on(engine *e, node *n, int i, const float *k) {
    const node *a = &e->nodes[n->in[i]];
    size_t c = (size_t)n->s.c, w = (size_t)n->s.w, ac = (size_t)a->s.c;
    int add = 0;
    if (n->d.norm == SUM_PLAIN && ac == c) {
        engine_delta_pass(e, n, n->in[i]);
        return;
    }
    float *dx = engine_delta_of(e, n->in[i], &add);
    if (!dx) return;
    if (!add && ac > c) { /* the other channels get nothing from here */
        e->b->zero(e, dx, shape_len(a->s));
        add = 1;
    }
    const float *dz = n->delta->b.p;
#pragma omp parallel for schedule(static)
    for (int r = 0; r < n->s.n * n->s.h; r++)
        weigh(dx + (size_t)r * w * ac, ac, dz + (size_t)r * w * c, c, k, shared(n, a), w, add);
}

/* (=) the sums over the pixels of one picture of dz times x, by channel. */
CPU_CLONES static void products(double *to, const float *dz, size_t z_step, const float *x,
                                size_t x_step, size_t c, size_t pixels) {
    for (size_t j = 0; j < c; j++) to[j] = 0;
    for (size_t p = 0; p < pixels; p++, dz += z_step, x += x_step)
        for (size_t j = 0; j < c; j++) to[j] += (double)dz[j] * (double)x[j];
}

/* (+=) the updates of the weights; of a picture and an input together, so that the order of the
 * sums is always the same. */
static void learn(engine *e, node *n) {
    size_t c = (size_t)n->s.c, pixels = (size_t)n->s.h * (size_t)n->s.w, inputs = (size_t)n->n_in,
           all = inputs * c, sets = n->d.per_channel ? c : 1;
    double *parts = (double *)(void *)engine_need(e, &e->work, 2 * all * ((size_t)n->s.n + 1));
    double *dk = parts + all * (size_t)n->s.n;
    const float *dz = n->delta->b.p;
#pragma omp parallel for collapse(2) schedule(static)
    for (int b = 0; b < n->s.n; b++)
        for (size_t i = 0; i < inputs; i++) {
            const node *a = &e->nodes[n->in[i]];
            size_t ac = (size_t)a->s.c;
            products(parts + (size_t)b * all + i * c, dz + (size_t)b * pixels * c, c,
                     a->y.p + (size_t)b * pixels * ac, ac, shared(n, a), pixels);
        }
    for (size_t k = 0; k < all; k++) dk[k] = 0;
    for (size_t i = 0; i < inputs; i++)
        for (size_t j = 0; j < shared(n, &e->nodes[n->in[i]]); j++)
            for (size_t b = 0; b < (size_t)n->s.n; b++)
                dk[i * c + (sets > 1 ? j : 0)] += parts[b * all + i * c + j];
    for (size_t j = 0; j < sets; j++)
        sum_factors_back(n->d.p.weight_updates + j, dk + j, c, n->d.p.weights + j, sets, n->n_in,
                         n->d.norm);
}

static void backward(engine *e, node *n, const engine_mode *m) {
    const sum *s = n->state;
    engine_cpu_delta_act(e, n, n->d.activation, s->z.p);
    if (n->d.norm != SUM_PLAIN && m->theta_grads) learn(e, n);
    for (int i = 0; i < n->n_in; i++) pass_on(e, n, i, s->k.p + (size_t)i * (size_t)n->s.c);
}

const node_ops engine_cpu_weighted_sum = {
    .shape = shape, .plan = plan, .forward = forward, .backward = backward, .free = release};
