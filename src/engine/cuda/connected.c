/* connected.c - connected nodes on cuBLAS, which counts by columns: its matrices are ours
 * transposed. */
#include "engine/cuda/cuda.h"
#include <stdlib.h>

typedef struct {
    buffer raw, stat;
    int inputs;
    shape4 f;
} connected; /* raw, stat: with batch norm */

static void plan(engine *e, node *n) {
    connected *c = calloc(1, sizeof *c);
    if (!c) engine_die("out of memory for node %d", n->id);
    shape4 in = e->nodes[n->in[0]].s;
    c->inputs = in.h * in.w * in.c;
    c->f = (shape4){n->s.c, in.h, in.w, in.c}; /* Darknet counts inputs as (C,H,W) */
    n->state = c;
    if (!n->d.batch_norm) return;
    engine_need(e, &c->raw, shape_len(n->s));
    engine_need(e, &c->stat, NORM_ROWS * (size_t)n->s.c);
}

static void release(engine *e, node *n) {
    connected *c = n->state;
    engine_drop(e, &c->raw);
    engine_drop(e, &c->stat);
    free(c);
}

static float *weights(engine *e, const connected *c, const float *array, int writes) {
    return engine_cuda_twin(e, array, shape_len(c->f) * sizeof *array, &c->f, writes);
}

static const float one = 1, none = 0;

static void forward(engine *e, node *n, const engine_mode *m) {
    connected *c = n->state;
    const engine_op *d = &n->d;
    int outputs = n->s.c, batch = n->s.n;
    float *y = d->batch_norm ? c->raw.p : n->y.p;
    const float *w = weights(e, c, d->p.weights, 0);
    LIVE(e, CUBLAS_CHECK(cublasSgemm(cuda_of(e)->blas, CUBLAS_OP_T, CUBLAS_OP_N, outputs, batch,
                                     c->inputs, &one, w, c->inputs, e->nodes[n->in[0]].y.p,
                                     c->inputs, &none, y, outputs)));
    if (d->batch_norm)
        engine_cuda_norm(e, n->y.p, y, (size_t)batch, outputs, &d->p, d->activation, m->bn_batch,
                         c->stat.p);
    else
        engine_cuda_each(e, RUN_bias_act, shape_len(n->s),
                         &(cuda_job){.y = y,
                                     .bias = cuda_floats(e, d->p.biases, (size_t)outputs, 0),
                                     .s = n->s,
                                     .act = d->activation});
}

static void backward(engine *e, node *n, const engine_mode *m) {
    connected *c = n->state;
    const engine_op *d = &n->d;
    int outputs = n->s.c, batch = n->s.n, add = 0;
    float slope;
    if (!d->batch_norm || !act_slope(d->activation, &slope))
        engine_cuda_delta_act(e, n, d->activation, NULL);
    if (d->batch_norm) {
        const float *dy;
        float *dx = engine_delta_change(e, n, &dy);
        engine_cuda_norm_back(e, dx, dy, c->raw.p, (size_t)batch, outputs, &d->p, d->activation,
                              m->bn_batch, m->theta_grads, c->stat.p);
    }
    if (m->theta_grads) {
        float *dw = weights(e, c, d->p.weight_updates, 1);
        LIVE(e, CUBLAS_CHECK(cublasSgemm(cuda_of(e)->blas, CUBLAS_OP_N, CUBLAS_OP_T, c->inputs,
                                         outputs, batch, &one, e->nodes[n->in[0]].y.p, c->inputs,
                                         n->delta->b.p, outputs, &one, dw, c->inputs)));
        if (!d->batch_norm)
            engine_cuda_bias_update(e, d->p.bias_updates, n->delta->b.p, (size_t)batch, outputs);
    }
    float *dx = engine_delta_of(e, n->in[0], &add);
    if (!dx) return;
    const float *w = weights(e, c, d->p.weights, 0);
    LIVE(e, CUBLAS_CHECK(cublasSgemm(cuda_of(e)->blas, CUBLAS_OP_N, CUBLAS_OP_N, c->inputs, batch,
                                     outputs, &one, w, c->inputs, n->delta->b.p, outputs,
                                     add ? &one : &none, dx, c->inputs)));
}

const node_ops engine_cuda_connected = {
    .plan = plan, .forward = forward, .backward = backward, .free = release};
