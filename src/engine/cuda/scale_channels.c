/* scale_channels.c - see cpu/scale_channels.c. */
#include "engine/cuda/cuda.h"

static int factors(const node *n) { return n->in[n->d.factors_last]; }
static int map(const node *n) { return n->in[!n->d.factors_last]; }

static cuda_job job(engine *e, const node *n) {
    const node *f = &e->nodes[factors(n)], *x = &e->nodes[map(n)];
    return (cuda_job){.x = f->y.p, .x2 = x->y.p, .s = n->s, .in = f->s, .act = n->d.activation};
}

static void forward(engine *e, node *n, const engine_mode *m) {
    cuda_job j = job(e, n);
    j.y = n->y.p;
    engine_cuda_each(e, n->d.shift ? RUN_shift : RUN_scale, shape_len(n->s), &j);
}

static void backward(engine *e, node *n, const engine_mode *m) {
    engine_cuda_delta_act(e, n, n->d.activation, NULL);
    cuda_job j = job(e, n);
    j.dy = n->delta->b.p;
    j.dx = n->d.shift ? NULL : engine_delta_of(e, map(n), &j.add);
    if (j.dx) engine_cuda_each(e, RUN_scale_back, shape_len(n->s), &j);
    if (n->d.shift) {
        engine_delta_pass(e, n, map(n));
        j.x2 = NULL;
    }
    j.dx = engine_delta_of(e, factors(n), &j.add);
    if (j.dx) engine_cuda_each(e, RUN_scale_factors, shape_len(j.in), &j);
}

const node_ops engine_cuda_scale_channels = {.forward = forward, .backward = backward};
