/* perturb.c - the node of [perturb]: ops/perturb_cuda.h, then the activation. */
#include "engine/cuda/cuda.h"
#include "ops/perturb_cuda.h"
#include <stdlib.h>

typedef struct {
    buffer tape, eps;
} perturb;

static size_t floats(size_t bytes) { return (bytes + 3) / 4; }

static void plan(engine *e, node *n) {
    perturb *p = calloc(1, sizeof *p);
    if (!p) engine_die("out of memory for node %d", n->id);
    if (e->training) engine_need(e, &p->tape, floats(perturb_cuda_tape_bytes(n->s)));
    n->state = p;
}

static void release(engine *e, node *n) {
    perturb *p = n->state;
    engine_drop(e, &p->tape);
    engine_drop(e, &p->eps);
    free(p);
}

static perturb_args args_of(engine *e, node *n, const engine_mode *m) {
    perturb *p = n->state;
    perturb_args a = engine_perturb_args(n, m);
    if (!a.eps) return a;
    size_t len = shape_len(n->s);
    float *there = engine_need(e, &p->eps, len);
    engine_cuda_upload(e, there, a.eps, len * sizeof *there);
    a.eps = there;
    return a;
}

static void forward(engine *e, node *n, const engine_mode *m) {
    const engine_perturb *d = &n->d.perturb;
    perturb *p = n->state;
    perturb_args a = args_of(e, n, m);
    size_t c = PERTURB_K * (size_t)n->s.c,
           tape = m->keep ? 0 : floats(perturb_cuda_tape_bytes(n->s)), len = shape_len(n->s);
    float *work = engine_need(e, &e->work, tape + floats(perturb_cuda_work_bytes(n->s)));
    const cuda_scalars v = {.noise = {a.key, a.t}}, *there = engine_cuda_scalars(e, &v);
    float *mean = cuda_floats(e, d->running_mean, c, a.batch_stats),
          *var = cuda_floats(e, d->running_var, c, a.batch_stats);
    const float *phi = cuda_floats(e, d->phi, PHI_LEN, 0);
    const char *why = !engine_cuda_live(e)
                          ? NULL
                          : perturb_cuda_forward(n->y.p, m->keep ? p->tape.p : work, m->keep, mean,
                                                 var, e->nodes[n->in[0]].y.p, phi, &a,
                                                 there ? &there->noise : NULL, work + tape,
                                                 cuda_of(e)->stream);
    if (why) engine_cuda_die("a kernel of [perturb]", why);
    if (!act_slope(d->activation, &a.slope))
        engine_cuda_each(e, RUN_act, len,
                         &(cuda_job){.y = n->y.p, .x = n->y.p, .act = d->activation});
}

static void backward(engine *e, node *n, const engine_mode *m) {
    const engine_perturb *d = &n->d.perturb;
    const perturb *p = n->state;
    perturb_args a = args_of(e, n, m);
    int add = 0;
    if (!act_slope(d->activation, &a.slope)) engine_cuda_delta_act(e, n, d->activation, NULL);
    float *dx = engine_delta_of(e, n->in[0], &add);
    double *dphi = m->phi_grads ? engine_cuda_twin(e, d->dphi, PHI_LEN * sizeof *dphi, NULL, 1)
                                : NULL;
    if (!dx && !dphi) return;
    float *work = engine_need(e, &e->work, floats(perturb_cuda_work_bytes(n->s)));
    const cuda_scalars v = {.noise = {a.key, a.t}}, *there = engine_cuda_scalars(e, &v);
    const float *phi = cuda_floats(e, d->phi, PHI_LEN, 0);
    const char *why = !engine_cuda_live(e)
                          ? NULL
                          : perturb_cuda_backward(
                                dx, add, dphi, n->delta->b.p, p->tape.p, e->nodes[n->in[0]].y.p,
                                phi, &a, there ? &there->noise : NULL, work, cuda_of(e)->stream);
    if (why) engine_cuda_die("a kernel of [perturb]", why);
}

const node_ops engine_cuda_perturb = {
    .plan = plan, .forward = forward, .backward = backward, .free = release};
