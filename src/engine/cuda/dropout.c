/* dropout.c - see cpu/dropout.c; drawn again in backward. */
#include "engine/cuda/cuda.h"

static void drop(engine *e, const node *n, const engine_mode *m, float *to, const float *from,
                 int add) {
    size_t len = shape_len(n->s);
    float p = n->d.probability;
    if (!m->dropout) {
        engine_cuda_copy(e, to, from, len, add);
        return;
    }
    cuda_job j = {.y = to,
                  .x = from,
                  .s = n->s,
                  .scale = 1 / (1 - p),
                  .add = add,
                  .by_value = {.p = p, .noise.key = engine_cuda_drop_key(n, m)}};
    j.there = engine_cuda_scalars(e, &j.by_value);
    engine_cuda_each(e, RUN_dropout, len, &j);
}

static void forward(engine *e, node *n, const engine_mode *m) {
    drop(e, n, m, n->y.p, engine_input(e, n), 0);
}

static void backward(engine *e, node *n, const engine_mode *m) {
    int add = 0;
    float *dx = engine_delta_of(e, n->in[0], &add);
    if (dx) drop(e, n, m, dx, n->delta->b.p, add);
}

const node_ops engine_cuda_dropout = {.forward = forward, .backward = backward};
