/* activation.c - see cpu/activation.c. */
#include "engine/cuda/cuda.h"

static void forward(engine *e, node *n, const engine_mode *m) {
    int channels = act_over_channels(n->d.activation);
    engine_cuda_each(
        e, channels ? RUN_channels : RUN_act, shape_len(n->s) / (channels ? (size_t)n->s.c : 1),
        &(cuda_job){.s = n->s, .y = n->y.p, .x = engine_input(e, n), .act = n->d.activation});
}

static void backward(engine *e, node *n, const engine_mode *m) {
    if (act_over_channels(n->d.activation)) {
        cuda_job j = {.s = n->s, .x = engine_input(e, n), .y = n->y.p, .act = n->d.activation};
        j.dx = engine_delta_change(e, n, &j.dy);
        engine_cuda_each(e, RUN_channels_back, shape_len(n->s) / (size_t)n->s.c, &j);
    } else {
        engine_cuda_delta_act(e, n, n->d.activation, engine_input(e, n));
    }
    engine_delta_pass(e, n, n->in[0]);
}

const node_ops engine_cuda_activation = {.forward = forward, .backward = backward};
