/* maxpool.c - see cpu/maxpool.c. */
#include "engine/cuda/cuda.h"
#include <stdlib.h>

/* state: where each maximum came from. */
static void plan(engine *e, node *n) {
    buffer *from = calloc(1, sizeof *from);
    if (!from) engine_die("out of memory for node %d", n->id);
    if (e->training) engine_need(e, from, shape_len(n->s));
    n->state = from;
}

static void release(engine *e, node *n) {
    engine_drop(e, n->state);
    free(n->state);
}

static cuda_job window(engine *e, const node *n) {
    const buffer *from = n->state;
    return (cuda_job){.s = n->s,
                      .in = e->nodes[n->in[0]].s,
                      .size = n->d.size,
                      .stride = n->d.stride,
                      .stride_x = engine_stride_x(&n->d),
                      .pad = n->d.pad / 2,
                      .index = (int32_t *)(void *)from->p};
}

static void forward(engine *e, node *n, const engine_mode *m) {
    cuda_job j = window(e, n);
    j.x = engine_input(e, n);
    j.y = n->y.p;
    if (!m->keep || n->d.zero_nonmax) j.index = NULL;
    engine_cuda_each(e, n->d.out_channels > 0 ? RUN_depth : RUN_maxpool, shape_len(n->s), &j);
    if (!n->d.zero_nonmax) return;
    j = window(e, n);
    j.x = engine_input(e, n);
    j.y = n->y.p;
    if (!m->keep) j.index = NULL;
    engine_cuda_each(e, RUN_nonmax, shape_len(n->s), &j);
}

static void backward(engine *e, node *n, const engine_mode *m) {
    cuda_job j = window(e, n);
    j.dy = n->delta->b.p;
    j.dx = engine_delta_of(e, n->in[0], &j.add);
    cuda_loop back = n->d.out_channels > 0 ? RUN_depth_back
                     : n->d.zero_nonmax    ? RUN_nonmax_back
                                           : RUN_maxpool_back;
    if (j.dx) engine_cuda_each(e, back, shape_len(j.in), &j);
}

const node_ops engine_cuda_maxpool = {
    .plan = plan, .forward = forward, .backward = backward, .free = release};
