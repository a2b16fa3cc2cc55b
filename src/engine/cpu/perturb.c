/* perturb.c - the node of [perturb]: ops/perturb.h, then the activation. */
#include "engine/cpu/cpu.h"
#include <math.h>
#include <omp.h>
#include <stdlib.h>

perturb_args engine_perturb_args(const node *n, const engine_mode *m) {
    const engine_perturb *d = &n->d.perturb;
    float slope = 1;
    int gaussian = d->noise == PERTURB_KIND_GAUSSIAN;
    (void)act_slope(d->activation, &slope);
    return (perturb_args){
        .s = n->s,
        .slope = slope,
        .c_feature = (float)n->s.c / d->c_norm,
        .h_feature = (float)n->s.h / d->h_norm,
        .t = m->t,
        /* Without a share of the noise nothing is clipped: it is a plain network. */
        .clip = (m->perturb_batch || d->clip_test) && !gaussian && (m->t > 0 || m->t < 0)
                    ? d->clip
                    : INFINITY,
        .two_sided = 1,
        .noise = perturb_noise_of((perturb_kind)d->noise, m->noise == PERTURB_NOISE_SAMPLE),
        .sd = d->sd,
        .scale = d->scale && !gaussian,
        .batch_stats = m->perturb_batch,
        .momentum = d->momentum,
        .eps = n->eps,
        .key = rng_key(m->seed, RNG_NOISE, m->draw, (uint64_t)n->id),
    };
}

typedef struct {
    buffer tape, z; /* z: what the activation had, where its gradient needs that */
} perturb;

static void plan(engine *e, node *n) {
    perturb *p = calloc(1, sizeof *p);
    if (!p) engine_die("out of memory for node %d", n->id);
    if (e->training) engine_need(e, &p->tape, perturb_tape_len(n->s));
    engine_cpu_keep_input(e, n, &p->z, n->d.perturb.activation);
    n->state = p;
}

static void release(engine *e, node *n) {
    perturb *p = n->state;
    engine_drop(e, &p->tape);
    engine_drop(e, &p->z);
    free(p);
}

static float *scratch(engine *e, const node *n) {
    return engine_need(e, &e->work, perturb_scratch_len(n->s, omp_get_max_threads()));
}

static void forward(engine *e, node *n, const engine_mode *m) {
    const engine_perturb *d = &n->d.perturb;
    perturb *p = n->state;
    perturb_args a = engine_perturb_args(n, m);
    float *z = m->keep && p->z.p ? p->z.p : n->y.p;
    perturb_forward(z, m->keep ? p->tape.p : NULL, d->running_mean, d->running_var,
                    e->nodes[n->in[0]].y.p, d->phi, &a, scratch(e, n));
    if (!act_slope(d->activation, &a.slope))
        engine_cpu_act(n->y.p, z, shape_len(n->s), d->activation);
}

static void backward(engine *e, node *n, const engine_mode *m) {
    const engine_perturb *d = &n->d.perturb;
    const perturb *p = n->state;
    perturb_args a = engine_perturb_args(n, m);
    int add = 0;
    if (!act_slope(d->activation, &a.slope)) engine_cpu_delta_act(e, n, d->activation, p->z.p);
    float *dx = engine_delta_of(e, n->in[0], &add);
    double *dphi = m->phi_grads ? d->dphi : NULL;
    if (!dx && !dphi) return;
    perturb_backward(dx, add, dphi, n->delta->b.p, p->tape.p, e->nodes[n->in[0]].y.p, d->phi, &a,
                     scratch(e, n));
}

const node_ops engine_cpu_perturb = {
    .plan = plan, .forward = forward, .backward = backward, .free = release};
