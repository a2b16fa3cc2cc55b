/* activation.c - an activation alone. */
#include "engine/cpu/cpu.h"

static void forward(engine *e, node *n, const engine_mode *m) {
    engine_cpu_act(n->y.p, e->nodes[n->in[0]].y.p, shape_len(n->s), n->d.activation);
}

static void backward(engine *e, node *n, const engine_mode *m) {
    engine_cpu_delta_act(e, n, n->d.activation, e->nodes[n->in[0]].y.p);
    engine_delta_pass(e, n, n->in[0]);
}

const node_ops engine_cpu_activation = {.forward = forward, .backward = backward};
