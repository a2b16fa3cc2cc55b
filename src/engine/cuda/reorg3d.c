/* reorg3d.c - see cpu/reorg3d.c. */
#include "engine/cuda/cuda.h"

static cuda_job job(engine *e, const node *n) {
    return (cuda_job){.s = n->s,
                      .in = e->nodes[n->in[0]].s,
                      .stride = n->d.stride,
                      .x = engine_input(e, n),
                      .y = n->y.p};
}

static void forward(engine *e, node *n, const engine_mode *m) {
    cuda_job j = job(e, n);
    engine_cuda_each(e, RUN_reorg3d, shape_len(j.in), &j);
}

static void backward(engine *e, node *n, const engine_mode *m) {
    cuda_job j = job(e, n);
    j.dy = n->delta->b.p;
    j.dx = engine_delta_of(e, n->in[0], &j.add);
    if (j.dx) engine_cuda_each(e, RUN_reorg3d_back, shape_len(j.in), &j);
}

const node_ops engine_cuda_reorg3d = {.forward = forward, .backward = backward};
