/* batchnorm.c - a standalone [batchnorm]. */
#include "engine/cpu/cpu.h"
#include <stdlib.h>

/* Standalone [batchnorm]: the input's output is what must be kept, and it is there already. */
static void plan(engine *e, node *n) {
    buffer *stat = calloc(1, sizeof *stat);
    if (!stat) engine_die("out of memory for node %d", n->id);
    engine_need(e, stat, NORM_STAT * (size_t)n->s.c);
    n->state = stat;
}

static void release(engine *e, node *n) {
    engine_drop(e, n->state);
    free(n->state);
}

static void forward(engine *e, node *n, const engine_mode *m) {
    const buffer *stat = n->state;
    engine_cpu_norm(e, n->y.p, e->nodes[n->in[0]].y.p, shape_len(n->s) / (size_t)n->s.c, n->s.c,
                    &n->d.p, ACT_LINEAR, m->bn_batch, stat->p);
}

static void backward(engine *e, node *n, const engine_mode *m) {
    const buffer *stat = n->state;
    const float *dy;
    float *dx = engine_delta_change(e, n, &dy);
    engine_cpu_norm_back(e, dx, dy, e->nodes[n->in[0]].y.p, shape_len(n->s) / (size_t)n->s.c,
                         n->s.c, &n->d.p, ACT_LINEAR, m->bn_batch, m->theta_grads, stat->p);
    engine_delta_pass(e, n, n->in[0]);
}

const node_ops engine_cpu_batchnorm = {
    .plan = plan, .forward = forward, .backward = backward, .free = release};
