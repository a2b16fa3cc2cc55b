/* weighted_sum.c - see cpu/weighted_sum.c. */
#include "engine/cuda/cuda.h"
#include <stdlib.h>

typedef struct {
    buffer z, k, dk; /* what an activation had, where its gradient needs that; factors; theirs,
                        doubles */
} sum;

static void plan(engine *e, node *n) {
    sum *s = calloc(1, sizeof *s);
    size_t all = (size_t)n->n_in * (size_t)n->s.c;
    if (!s) engine_die("out of memory for node %d", n->id);
    if (e->training && act_needs_input(n->d.activation)) engine_need(e, &s->z, shape_len(n->s));
    if (n->d.norm != SUM_PLAIN) engine_need(e, &s->k, all);
    if (n->d.norm != SUM_PLAIN && e->training) engine_need(e, &s->dk, 2 * all);
    n->state = s;
}

static void release(engine *e, node *n) {
    sum *s = n->state;
    engine_drop(e, &s->z);
    engine_drop(e, &s->k);
    engine_drop(e, &s->dk);
    free(s);
}

/* Of the factors. */
static cuda_job job(engine *e, const node *n) {
    uint32_t sets = n->d.per_channel ? (uint32_t)n->s.c : 1;
    return (cuda_job){.x = cuda_floats(e, n->d.p.weights, sets * (size_t)n->n_in, 0),
                      .n = (uint32_t)n->n_in,
                      .step = (uint32_t)n->s.c,
                      .step2 = sets,
                      .norm = n->d.norm};
}

static const float *factors_of(const node *n, int i) {
    const sum *s = n->state;
    return s->k.p ? s->k.p + (size_t)i * (size_t)n->s.c : NULL;
}

static void forward(engine *e, node *n, const engine_mode *m) {
    const sum *s = n->state;
    float *z = s->z.p && m->keep ? s->z.p : n->y.p;
    if (s->k.p) {
        cuda_job j = job(e, n);
        j.y = s->k.p;
        engine_cuda_each(e, RUN_factors, (size_t)n->s.c, &j);
    }
    for (int i = 0; i < n->n_in; i++) {
        const node *a = &e->nodes[n->in[i]];
        engine_cuda_each(e, RUN_weigh, shape_len(n->s),
                         &(cuda_job){.y = z,
                                     .x = a->y.p,
                                     .scales = factors_of(n, i),
                                     .s = n->s,
                                     .in = a->s,
                                     .add = i > 0});
    }
    if (z != n->y.p || n->d.activation != ACT_LINEAR)
        engine_cuda_each(e, RUN_act, shape_len(n->s),
                         &(cuda_job){.y = n->y.p, .x = z, .act = n->d.activation});
}

static void learn(engine *e, node *n) {
    const sum *s = n->state;
    size_t c = (size_t)n->s.c;
    double *dk = (double *)(void *)s->dk.p;
    cuda_job j = job(e, n);
    engine_cuda_zero(e, s->dk.p, 2 * (size_t)n->n_in * c);
    for (int i = 0; i < n->n_in; i++) {
        const node *a = &e->nodes[n->in[i]];
        engine_cuda_products(e, dk + (size_t)i * c, n->delta->b.p, n->s.c, a->y.p, a->s.c,
                             shape_len(n->s) / c);
    }
    j.total = dk;
    j.u = cuda_floats(e, n->d.p.weight_updates, j.step2 * (size_t)n->n_in, 1);
    engine_cuda_each(e, RUN_factors_back, j.step2, &j);
}

static void pass_on(engine *e, node *n, int i) {
    shape4 from = e->nodes[n->in[i]].s;
    cuda_job j = {.scales = factors_of(n, i), .s = from, .in = n->s};
    if (!j.scales && from.c == n->s.c) {
        engine_delta_pass(e, n, n->in[i]);
        return;
    }
    j.y = engine_delta_of(e, n->in[i], &j.add);
    j.x = n->delta->b.p;
    if (j.y) engine_cuda_each(e, RUN_weigh, shape_len(from), &j);
}

static void backward(engine *e, node *n, const engine_mode *m) {
    const sum *s = n->state;
    engine_cuda_delta_act(e, n, n->d.activation, s->z.p);
    if (s->k.p && m->theta_grads) learn(e, n);
    for (int i = 0; i < n->n_in; i++) pass_on(e, n, i);
}

const node_ops engine_cuda_weighted_sum = {
    .plan = plan, .forward = forward, .backward = backward, .free = release};
