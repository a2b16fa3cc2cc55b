/* activation.c - see cpu/activation.c. */
#include "engine/cuda/cuda.h"

static void forward(engine *e, node *n, const engine_mode *m) {
    engine_cuda_each(e, RUN_act, shape_len(n->s),
                     &(cuda_job){.y = n->y.p, .x = engine_input(e, n), .act = n->d.activation});
}

static void backward(engine *e, node *n, const engine_mode *m) {
    engine_cuda_delta_act(e, n, n->d.activation, engine_input(e, n));
    engine_delta_pass(e, n, n->in[0]);
}

const node_ops engine_cuda_activation = {.forward = forward, .backward = backward};
