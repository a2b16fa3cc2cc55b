/* perturb.c - the node of [perturb]: ops/perturb.h, then the activation. */
#include "engine/cpu/cpu.h"
#include <omp.h>
#include <stdlib.h>

typedef struct {
    buffer tape;
} perturb;

void engine_cpu_perturb_plan(engine *e, node *n) {
    perturb *p = calloc(1, sizeof *p);
    if (!p) engine_die("out of memory for node %d", n->id);
    if (e->training) engine_need(e, &p->tape, perturb_tape_len(n->s));
    n->state = p;
}

void engine_cpu_perturb_free(engine *e, node *n) {
    perturb *p = n->state;
    engine_drop(e, &p->tape);
    free(p);
}

static float *scratch(engine *e, const node *n) {
    return engine_need(e, &e->work, perturb_scratch_len(n->s, omp_get_max_threads()));
}

void engine_cpu_perturb_forward(engine *e, node *n, const engine_mode *m) {
    const engine_perturb *d = &n->d.perturb;
    perturb *p = n->state;
    perturb_args a = engine_perturb_args(n, m);
    perturb_forward(n->y.p, m->keep ? p->tape.p : NULL, d->running_mean, d->running_var,
                    e->nodes[n->in[0]].y.p, d->phi, &a, scratch(e, n));
    if (!act_slope(d->activation, &a.slope))
        engine_cpu_act(n->y.p, n->y.p, shape_len(n->s), d->activation);
}

void engine_cpu_perturb_backward(engine *e, node *n, const engine_mode *m) {
    const engine_perturb *d = &n->d.perturb;
    const perturb *p = n->state;
    perturb_args a = engine_perturb_args(n, m);
    int add = 0;
    if (!act_slope(d->activation, &a.slope)) engine_cpu_delta_act(e, n, d->activation);
    float *dx = engine_delta_of(e, n->in[0], &add);
    double *dphi = m->phi_grads ? d->dphi : NULL;
    if (!dx && !dphi) return;
    perturb_backward(dx, add, dphi, n->delta->b.p, p->tape.p, e->nodes[n->in[0]].y.p, d->phi, &a,
                     scratch(e, n));
}
