/* implicit.c - see cpu/implicit.c. */
#include "engine/cuda/cuda.h"

static size_t count(const node *n) { return (size_t)n->s.c * (size_t)n->s.h; }

static void forward(engine *e, node *n, const engine_mode *m) {
    engine_cuda_each(
        e, RUN_implicit, shape_len(n->s),
        &(cuda_job){.y = n->y.p, .x = cuda_floats(e, n->d.p.weights, count(n), 0), .s = n->s});
}

static void backward(engine *e, node *n, const engine_mode *m) {
    if (!m->theta_grads) return;
    engine_cuda_each(e, RUN_implicit_back, count(n),
                     &(cuda_job){.dy = n->delta->b.p,
                                 .u = cuda_floats(e, n->d.p.weight_updates, count(n), 1),
                                 .s = n->s});
}

const node_ops engine_cuda_implicit = {.forward = forward, .backward = backward};
