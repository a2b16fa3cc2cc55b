/* upsample.c - see cpu/upsample.c. */
#include "engine/cuda/cuda.h"

static void forward(engine *e, node *n, const engine_mode *m) {
    engine_cuda_each(e, RUN_upsample, shape_len(n->s),
                     &(cuda_job){.y = n->y.p,
                                 .x = engine_input(e, n),
                                 .s = n->s,
                                 .in = e->nodes[n->in[0]].s,
                                 .stride = n->d.stride,
                                 .scale = n->d.scale});
}

static void backward(engine *e, node *n, const engine_mode *m) {
    shape4 in = e->nodes[n->in[0]].s;
    cuda_job j = {
        .dy = n->delta->b.p, .s = n->s, .in = in, .stride = n->d.stride, .scale = n->d.scale};
    j.dx = engine_delta_of(e, n->in[0], &j.add);
    if (j.dx) engine_cuda_each(e, RUN_upsample_back, shape_len(in), &j);
}

const node_ops engine_cuda_upsample = {.forward = forward, .backward = backward};
