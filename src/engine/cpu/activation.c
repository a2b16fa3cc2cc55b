/* activation.c - an activation alone: of each number, or over the channels of each pixel. */
#include "engine/cpu/cpu.h"

enum { GRAIN_ROWS = 64 };

static void forward(engine *e, node *n, const engine_mode *m) {
    const float *x = e->nodes[n->in[0]].y.p;
    size_t c = (size_t)n->s.c, rows = shape_len(n->s) / c;
    if (!act_over_channels(n->d.activation)) {
        engine_cpu_act(n->y.p, x, rows * c, n->d.activation);
        return;
    }
#pragma omp parallel if (rows > GRAIN_ROWS)
    {
        size_t from, to;
        engine_cpu_share(rows, GRAIN_ROWS, &from, &to);
        act_channels_forward(n->y.p + from * c, x + from * c, to - from, c, n->d.activation);
    }
}

static void backward(engine *e, node *n, const engine_mode *m) {
    const float *x = e->nodes[n->in[0]].y.p, *dy;
    size_t c = (size_t)n->s.c, rows = shape_len(n->s) / c;
    if (!act_over_channels(n->d.activation)) {
        engine_cpu_delta_act(e, n, n->d.activation, x);
        engine_delta_pass(e, n, n->in[0]);
        return;
    }
    float *dx = engine_delta_change(e, n, &dy);
#pragma omp parallel if (rows > GRAIN_ROWS)
    {
        size_t from, to;
        engine_cpu_share(rows, GRAIN_ROWS, &from, &to);
        act_channels_backward(dx + from * c, dy + from * c, x + from * c, n->y.p + from * c,
                              to - from, c, n->d.activation);
    }
    engine_delta_pass(e, n, n->in[0]);
}

const node_ops engine_cpu_activation = {.forward = forward, .backward = backward};
