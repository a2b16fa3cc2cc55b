/* dense.c - connected nodes on cuBLAS, and the softmax with its loss. cuBLAS counts by columns: its
 * matrices are ours transposed. */
#include "engine/cuda/cuda.h"
#include <stdlib.h>

typedef struct {
    buffer raw, stat;
    int inputs;
    shape4 f;
} connected; /* raw, stat: with batch norm */

void engine_cuda_connected_plan(engine *e, node *n) {
    connected *c = calloc(1, sizeof *c);
    if (!c) engine_die("out of memory for node %d", n->id);
    shape4 in = e->nodes[n->in[0]].s;
    c->inputs = in.h * in.w * in.c;
    c->f = (shape4){n->s.c, in.h, in.w, in.c}; /* Darknet counts inputs as (C,H,W) */
    n->state = c;
    if (!n->d.conv.batch_norm) return;
    engine_need(e, &c->raw, shape_len(n->s));
    engine_need(e, &c->stat, NORM_ROWS * (size_t)n->s.c);
}

void engine_cuda_connected_free(engine *e, node *n) {
    connected *c = n->state;
    engine_drop(e, &c->raw);
    engine_drop(e, &c->stat);
    free(c);
}

static float *weights(engine *e, const connected *c, const float *array, int writes) {
    return engine_cuda_twin(e, array, shape_len(c->f) * sizeof *array, &c->f, writes);
}

static const float one = 1, none = 0;

void engine_cuda_connected_forward(engine *e, node *n, const engine_mode *m) {
    connected *c = n->state;
    const engine_conv *d = &n->d.conv;
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

void engine_cuda_connected_backward(engine *e, node *n, const engine_mode *m) {
    connected *c = n->state;
    const engine_conv *d = &n->d.conv;
    int outputs = n->s.c, batch = n->s.n, add = 0;
    float slope;
    if (!d->batch_norm || !act_slope(d->activation, &slope))
        engine_cuda_delta_act(e, n, d->activation);
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

/* ---- softmax
 * ------------------------------------------------------------------------------------------------------
 */

/* The loss of each picture and of all, in double; the labels. */
typedef struct {
    buffer sums, truth;
    int has_loss;
} softmax;

void engine_cuda_softmax_plan(engine *e, node *n) {
    softmax *f = calloc(1, sizeof *f);
    if (!f) engine_die("out of memory for node %d", n->id);
    engine_need(e, &f->sums, 2 * ((size_t)n->s.n + 1));
    engine_need(e, &f->truth, shape_len(n->s));
    n->state = f;
}

void engine_cuda_softmax_free(engine *e, node *n) {
    softmax *f = n->state;
    engine_drop(e, &f->sums);
    engine_drop(e, &f->truth);
    free(f);
}

void engine_cuda_softmax_forward(engine *e, node *n, const engine_mode *m) {
    softmax *f = n->state;
    size_t len = shape_len(n->s);
    int add = 0;
    double *sums = (double *)(void *)f->sums.p;
    cuda_job j = {.x = e->nodes[n->in[0]].y.p,
                  .y = n->y.p,
                  .s = n->s,
                  .scale = n->d.softmax.temperature,
                  .n = (uint32_t)n->s.n,
                  .sum = sums + 1,
                  .total = sums};
    n->loss = 0;
    f->has_loss = e->truth && !n->d.softmax.noloss;
    if (f->has_loss) {
        engine_cuda_upload(e, f->truth.p, e->truth, len * sizeof *e->truth);
        j.x2 = f->truth.p;
    }
    engine_cuda_each(e, RUN_softmax, (size_t)n->s.n, &j);
    if (!f->has_loss) return;
    engine_cuda_each(e, RUN_loss, 1, &j);
    float *d = m->keep ? engine_delta_of(e, n->id, &add) : NULL;
    if (d)
        engine_cuda_each(e, RUN_softmax_delta, len,
                         &(cuda_job){.dx = d, .y = n->y.p, .x2 = f->truth.p, .add = add});
}

double engine_cuda_loss(engine *e, node *n) {
    softmax *f = n->state;
    if (f->has_loss) engine_cuda_download(e, &n->loss, f->sums.p, sizeof n->loss);
    f->has_loss = 0;
    return n->loss;
}

/* delta is already that of the logits: Darknet leaves out the temperature here, and files were
 * trained so. */
void engine_cuda_softmax_backward(engine *e, node *n, const engine_mode *m) {
    engine_delta_pass(e, n, n->in[0]);
}
