/* cuda_conv.c - convolutional nodes on cuDNN, and what follows the product: batch norm or bias, then the activation.
 *
 * cuDNN's own ranking picks each algorithm, among those that give the same bits every time; no timing does, which would let two runs of
 * one seed differ. Gradients are added where they belong by cuDNN (beta = 1). NHWC data, (K,H,W,C) filters, float32, TF32 only if asked for. */
#include "engine/cuda.h"
#include <stdio.h>
#include <stdlib.h>

enum { ALGORITHMS = 16 };

typedef struct {
    cudnnTensorDescriptor_t x, y;
    cudnnFilterDescriptor_t w;
    cudnnConvolutionDescriptor_t conv;
    cudnnConvolutionFwdAlgo_t forward;
    cudnnConvolutionBwdDataAlgo_t data;
    cudnnConvolutionBwdFilterAlgo_t filter;
    size_t forward_bytes, data_bytes, filter_bytes;     /* of work */
    int has_data, has_filter;
    shape4 f;
    buffer raw, stat;                                   /* with batch norm: the product, and its statistics */
} conv;

static _Noreturn void no_algorithm(const node *n, const char *what) {
    const engine_conv *d = &n->d.conv;
    char text[160];
    snprintf(text, sizeof text, "no repeatable algorithm for node %d's %s: %d filters of %dx%d, stride %d, pad %d, groups %d", n->id, what,
             d->filters, d->size, d->size, d->stride, d->pad, d->groups);
    engine_cuda_die("cudnnGetConvolutionAlgorithm(", text);
}

/* The first that runs and repeats itself. */
#define CHOOSE(perf, count, to, bytes, n, what) do { \
        int k_ = 0; \
        while (k_ < (count) && ((perf)[k_].status != CUDNN_STATUS_SUCCESS || (perf)[k_].determinism != CUDNN_DETERMINISTIC)) k_++; \
        if (k_ == (count)) no_algorithm(n, what); \
        (to) = (perf)[k_].algo; \
        (bytes) = (perf)[k_].memory; \
    } while (0)

static void choose_forward(engine *e, const node *n, conv *c) {
    cudnnConvolutionFwdAlgoPerf_t perf[ALGORITHMS];
    int count = 0;
    CUDNN_CHECK(cudnnGetConvolutionForwardAlgorithm_v7(cuda_of(e)->dnn, c->x, c->w, c->conv, c->y, ALGORITHMS, &count, perf));
    CHOOSE(perf, count, c->forward, c->forward_bytes, n, "output");
}

static void choose_data(engine *e, const node *n, conv *c) {
    cudnnConvolutionBwdDataAlgoPerf_t perf[ALGORITHMS];
    int count = 0;
    if (c->has_data) return;
    CUDNN_CHECK(cudnnGetConvolutionBackwardDataAlgorithm_v7(cuda_of(e)->dnn, c->w, c->y, c->conv, c->x, ALGORITHMS, &count, perf));
    CHOOSE(perf, count, c->data, c->data_bytes, n, "gradient of its input");
    c->has_data = 1;
}

static void choose_filter(engine *e, const node *n, conv *c) {
    cudnnConvolutionBwdFilterAlgoPerf_t perf[ALGORITHMS];
    int count = 0;
    if (c->has_filter) return;
    CUDNN_CHECK(cudnnGetConvolutionBackwardFilterAlgorithm_v7(cuda_of(e)->dnn, c->x, c->y, c->conv, c->w, ALGORITHMS, &count, perf));
    CHOOSE(perf, count, c->filter, c->filter_bytes, n, "gradient of its weights");
    c->has_filter = 1;
}

static void describe(engine *e, const node *n, conv *c) {
    const engine_conv *d = &n->d.conv;
    shape4 in = e->nodes[n->in[0]].s, out = n->s;
    c->f = (shape4){d->filters, d->size, d->size, in.c / d->groups};
    CUDNN_CHECK(cudnnCreateTensorDescriptor(&c->x));
    CUDNN_CHECK(cudnnCreateTensorDescriptor(&c->y));
    CUDNN_CHECK(cudnnCreateFilterDescriptor(&c->w));
    CUDNN_CHECK(cudnnCreateConvolutionDescriptor(&c->conv));
    CUDNN_CHECK(cudnnSetTensor4dDescriptor(c->x, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, in.n, in.c, in.h, in.w));
    CUDNN_CHECK(cudnnSetTensor4dDescriptor(c->y, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, out.n, out.c, out.h, out.w));
    CUDNN_CHECK(cudnnSetFilter4dDescriptor(c->w, CUDNN_DATA_FLOAT, CUDNN_TENSOR_NHWC, c->f.n, c->f.c, c->f.h, c->f.w));
    CUDNN_CHECK(cudnnSetConvolution2dDescriptor(c->conv, d->pad, d->pad, d->stride, d->stride, 1, 1, CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT));
    CUDNN_CHECK(cudnnSetConvolutionGroupCount(c->conv, d->groups));
    CUDNN_CHECK(cudnnSetConvolutionMathType(c->conv, cuda_of(e)->tf32 ? CUDNN_DEFAULT_MATH : CUDNN_FMA_MATH));
}

void engine_cuda_conv_plan(engine *e, node *n) {
    conv *c = calloc(1, sizeof *c);
    if (!c) engine_die("out of memory for node %d", n->id);
    n->state = c;
    describe(e, n, c);
    choose_forward(e, n, c);
    if (n->d.conv.batch_norm) {
        engine_need(e, &c->raw, shape_len(n->s));
        engine_need(e, &c->stat, NORM_ROWS * (size_t)n->s.c);
    }
    if (!e->training) return;
    choose_filter(e, n, c);
    if (n->in[0] > 0 || e->input_delta) choose_data(e, n, c);
}

void engine_cuda_conv_free(engine *e, node *n) {
    conv *c = n->state;
    CUDNN_CHECK(cudnnDestroyTensorDescriptor(c->x));
    CUDNN_CHECK(cudnnDestroyTensorDescriptor(c->y));
    CUDNN_CHECK(cudnnDestroyFilterDescriptor(c->w));
    CUDNN_CHECK(cudnnDestroyConvolutionDescriptor(c->conv));
    engine_drop(e, &c->raw);
    engine_drop(e, &c->stat);
    free(c);
}

static float *weights(engine *e, const node *n, const conv *c, const float *array, int writes) {
    return engine_cuda_twin(e, array, shape_len(c->f) * sizeof *array, &c->f, writes);
}

static void *work(engine *e, size_t bytes) { return bytes ? engine_need(e, &e->library, (bytes + 3) / 4) : NULL; }

static const float one = 1, none = 0;

void engine_cuda_conv_forward(engine *e, node *n, const engine_mode *m) {
    conv *c = n->state;
    const engine_conv *d = &n->d.conv;
    size_t len = shape_len(n->s), filters = (size_t)n->s.c;
    float *y = d->batch_norm ? c->raw.p : n->y.p;
    const float *w = weights(e, n, c, d->p.weights, 0);
    void *room = work(e, c->forward_bytes);
    LIVE(e, CUDNN_CHECK(cudnnConvolutionForward(cuda_of(e)->dnn, &one, c->x, e->nodes[n->in[0]].y.p, c->w, w, c->conv, c->forward,
                                                room, c->forward_bytes, &none, c->y, y)));
    if (d->batch_norm) engine_cuda_norm(e, n->y.p, y, len / filters, n->s.c, &d->p, d->activation, m->bn_batch, c->stat.p);
    else engine_cuda_each(e, RUN_bias_act, len, &(cuda_job){.y = y, .bias = cuda_floats(e, d->p.biases, filters, 0), .s = n->s, .act = d->activation});
}

void engine_cuda_conv_backward(engine *e, node *n, const engine_mode *m) {
    conv *c = n->state;
    const engine_conv *d = &n->d.conv;
    size_t filters = (size_t)n->s.c, rows = shape_len(n->s) / filters;
    int add = 0;
    float slope;
    if (!d->batch_norm || !act_slope(d->activation, &slope)) engine_cuda_delta_act(e, n, d->activation);
    if (d->batch_norm) {
        const float *dy;
        float *dx = engine_delta_change(e, n, &dy);
        engine_cuda_norm_back(e, dx, dy, c->raw.p, rows, n->s.c, &d->p, d->activation, m->bn_batch, m->theta_grads, c->stat.p);
    }
    if (m->theta_grads) {
        choose_filter(e, n, c);
        float *dw = weights(e, n, c, d->p.weight_updates, 1);
        void *room = work(e, c->filter_bytes);
        LIVE(e, CUDNN_CHECK(cudnnConvolutionBackwardFilter(cuda_of(e)->dnn, &one, c->x, e->nodes[n->in[0]].y.p, c->y, n->delta->b.p, c->conv,
                                                           c->filter, room, c->filter_bytes, &one, c->w, dw)));
        if (!d->batch_norm) engine_cuda_bias_update(e, d->p.bias_updates, n->delta->b.p, rows, n->s.c);
    }
    float *dx = engine_delta_of(e, n->in[0], &add);
    if (!dx) return;
    choose_data(e, n, c);
    const float *w = weights(e, n, c, d->p.weights, 0);
    void *room = work(e, c->data_bytes);
    LIVE(e, CUDNN_CHECK(cudnnConvolutionBackwardData(cuda_of(e)->dnn, &one, c->w, w, c->y, n->delta->b.p, c->conv, c->data, room,
                                                     c->data_bytes, add ? &one : &none, c->x, dx)));
}
