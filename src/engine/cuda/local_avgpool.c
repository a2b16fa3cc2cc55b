/* local_avgpool.c - see cpu/local_avgpool.c. */
#include "engine/cuda/cuda.h"

static cuda_job job(engine *e, const node *n) {
    return (cuda_job){.s = n->s,
                      .in = e->nodes[n->in[0]].s,
                      .stride = n->d.stride,
                      .size = n->d.size,
                      .stride_x = engine_stride_x(&n->d),
                      .pad = n->d.pad / 2,
                      .x = engine_input(e, n),
                      .y = n->y.p};
}

static void forward(engine *e, node *n, const engine_mode *m) {
    cuda_job j = job(e, n);
    engine_cuda_each(e, RUN_local_avgpool, shape_len(n->s), &j);
}

static void backward(engine *e, node *n, const engine_mode *m) {
    cuda_job j = job(e, n);
    j.dy = n->delta->b.p;
    j.dx = engine_delta_of(e, n->in[0], &j.add);
    if (j.dx) engine_cuda_each(e, RUN_local_avgpool_back, shape_len(j.in), &j);
}

const node_ops engine_cuda_local_avgpool = {.forward = forward, .backward = backward};
