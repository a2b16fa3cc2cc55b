/* route.c - see cpu/route.c. */
#include "engine/cuda/cuda.h"

/* Channels of an input that the route takes: their number, and the first. */
static uint32_t part(const node *n, const node *in, uint32_t *first) {
    uint32_t c = (uint32_t)in->s.c / (uint32_t)(n->d.groups > 1 ? n->d.groups : 1);
    *first = n->d.groups > 1 ? c * (uint32_t)n->d.block : 0;
    return c;
}

static void forward(engine *e, node *n, const engine_mode *m) {
    uint32_t c = (uint32_t)n->s.c, at = 0;
    for (int i = 0; i < n->n_in; i++) {
        const node *a = &e->nodes[n->in[i]];
        uint32_t first, w = part(n, a, &first), all = (uint32_t)a->s.c;
        engine_cuda_each(
            e, RUN_rows, shape_len(a->s) / all * w,
            &(cuda_job){
                .y = n->y.p + at, .x = a->y.p + first, .step = c, .step2 = all, .width = w});
        at += w;
    }
}

static void backward(engine *e, node *n, const engine_mode *m) {
    uint32_t c = (uint32_t)n->s.c, at = 0;
    for (int i = 0; i < n->n_in; i++) {
        const node *a = &e->nodes[n->in[i]];
        uint32_t first, w = part(n, a, &first), all = (uint32_t)a->s.c;
        cuda_job j = {.x = n->delta->b.p + at, .step = all, .step2 = c, .width = w};
        float *dx = engine_delta_of(e, n->in[i], &j.add);
        if (dx && !j.add && w < all) { /* the other parts get nothing from here */
            engine_cuda_zero(e, dx, shape_len(a->s));
            j.add = 1;
        }
        j.y = dx ? dx + first : NULL;
        if (dx) engine_cuda_each(e, RUN_rows, shape_len(a->s) / all * w, &j);
        at += w;
    }
}

const node_ops engine_cuda_route = {.forward = forward, .backward = backward};
