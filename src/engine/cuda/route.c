/* route.c - see cpu/route.c. */
#include "engine/cuda/cuda.h"

static void forward(engine *e, node *n, const engine_mode *m) {
    uint32_t c = (uint32_t)n->s.c, at = 0;
    for (int i = 0; i < n->n_in; i++) {
        const node *a = &e->nodes[n->in[i]];
        uint32_t w = (uint32_t)a->s.c;
        engine_cuda_each(
            e, RUN_rows, shape_len(a->s),
            &(cuda_job){.y = n->y.p + at, .x = a->y.p, .step = c, .step2 = w, .width = w});
        at += w;
    }
}

static void backward(engine *e, node *n, const engine_mode *m) {
    uint32_t c = (uint32_t)n->s.c, at = 0;
    for (int i = 0; i < n->n_in; i++) {
        const node *a = &e->nodes[n->in[i]];
        uint32_t w = (uint32_t)a->s.c;
        cuda_job j = {.x = n->delta->b.p + at, .step = w, .step2 = c, .width = w};
        j.y = engine_delta_of(e, n->in[i], &j.add);
        if (j.y) engine_cuda_each(e, RUN_rows, shape_len(a->s), &j);
        at += w;
    }
}

const node_ops engine_cuda_route = {.forward = forward, .backward = backward};
