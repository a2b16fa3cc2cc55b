/* scale_channels.c - see cpu/scale_channels.c. */
#include "engine/cuda/cuda.h"

static cuda_job job(engine *e, const node *n) {
    const node *f = &e->nodes[n->in[0]], *x = &e->nodes[n->in[1]];
    return (cuda_job){.x = f->y.p, .x2 = x->y.p, .s = n->s, .in = f->s, .act = n->d.activation};
}

static void forward(engine *e, node *n, const engine_mode *m) {
    cuda_job j = job(e, n);
    j.y = n->y.p;
    engine_cuda_each(e, RUN_scale, shape_len(n->s), &j);
}

static void backward(engine *e, node *n, const engine_mode *m) {
    engine_cuda_delta_act(e, n, n->d.activation, NULL);
    cuda_job j = job(e, n);
    j.dy = n->delta->b.p;
    j.dx = engine_delta_of(e, n->in[1], &j.add);
    if (j.dx) engine_cuda_each(e, RUN_scale_back, shape_len(n->s), &j);
    j.dx = engine_delta_of(e, n->in[0], &j.add);
    if (j.dx) engine_cuda_each(e, RUN_scale_factors, shape_len(j.in), &j);
}

const node_ops engine_cuda_scale_channels = {.forward = forward, .backward = backward};
