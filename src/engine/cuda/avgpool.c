/* avgpool.c - see cpu/avgpool.c. */
#include "engine/cuda/cuda.h"

static void forward(engine *e, node *n, const engine_mode *m) {
    engine_cuda_each(e, RUN_avgpool, shape_len(n->s),
                     &(cuda_job){.x = engine_input(e, n), .y = n->y.p, .in = e->nodes[n->in[0]].s});
}

static void backward(engine *e, node *n, const engine_mode *m) {
    cuda_job j = {.dy = n->delta->b.p, .in = e->nodes[n->in[0]].s};
    j.dx = engine_delta_of(e, n->in[0], &j.add);
    if (j.dx) engine_cuda_each(e, RUN_avgpool_back, shape_len(j.in), &j);
}

const node_ops engine_cuda_avgpool = {.forward = forward, .backward = backward};
