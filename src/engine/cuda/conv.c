/* conv.c - convolutional nodes on cuDNN, and what follows the product: batch norm or bias, then the
 * activation.
 *
 * cuDNN's own ranking picks each algorithm, among those that give the same bits every time; no
 * timing does, which would let two runs of one seed differ. NHWC data, (K,H,W,C) filters, float32,
 * TF32 only if asked for. Where cuDNN has nothing repeatable for that (grouped convolutions on some
 * devices), the node goes through copies in NCHW. */
#include "engine/cuda/cuda.h"
#include <stdio.h>
#include <stdlib.h>

enum { ALGORITHMS = 16 };
static const size_t WORK_MOST = (size_t)1 << 30; /* bytes: what needs more is passed over */

typedef struct {
    cudnnTensorDescriptor_t x, y;
    cudnnFilterDescriptor_t w;
    cudnnConvolutionDescriptor_t conv;
    cudnnConvolutionFwdAlgo_t forward;
    cudnnConvolutionBwdDataAlgo_t data;
    cudnnConvolutionBwdFilterAlgo_t filter;
    cudnnMathType_t forward_math, data_math,
        filter_math; /* cuDNN ranks pairs of both; the descriptor holds that of the next call */
    size_t forward_bytes, data_bytes, filter_bytes; /* of work */
    int turned;                                     /* in NCHW */
    shape4 f;
    buffer tx, ty, tw; /* the copies then: input, output, filters, or their gradients */
    buffer raw, stat;  /* with batch norm: the product, and its statistics */
} conv;

static _Noreturn void no_algorithm(const node *n) {
    const engine_op *d = &n->d;
    char text[160];
    snprintf(text, sizeof text,
             "nothing repeatable for node %d: %d filters of %dx%d, stride %d, pad %d, groups %d",
             n->id, d->filters, d->size, d->size, d->stride, d->pad, d->groups);
    engine_cuda_die("cudnnGetConvolutionAlgorithm(", text);
}

/* The first that runs, repeats itself and takes no more than WORK_MOST; -1: none. */
#define CHOOSE(answer, perf, count, to, math, bytes)                                             \
    do {                                                                                         \
        if ((answer) != CUDNN_STATUS_SUCCESS) return -1;                                         \
        int k_ = 0;                                                                              \
        while (k_ < (count) &&                                                                   \
               ((perf)[k_].status != CUDNN_STATUS_SUCCESS ||                                     \
                (perf)[k_].determinism != CUDNN_DETERMINISTIC || (perf)[k_].memory > WORK_MOST)) \
            k_++;                                                                                \
        if (k_ == (count)) return -1;                                                            \
        (to) = (perf)[k_].algo;                                                                  \
        (math) = (perf)[k_].mathType;                                                            \
        (bytes) = (perf)[k_].memory;                                                             \
    } while (0)

static int choose_forward(engine *e, conv *c) {
    cudnnConvolutionFwdAlgoPerf_t perf[ALGORITHMS];
    int count = 0;
    cudnnStatus_t s = cudnnGetConvolutionForwardAlgorithm_v7(cuda_of(e)->dnn, c->x, c->w, c->conv,
                                                             c->y, ALGORITHMS, &count, perf);
    CHOOSE(s, perf, count, c->forward, c->forward_math, c->forward_bytes);
    return 0;
}

static int choose_data(engine *e, conv *c) {
    cudnnConvolutionBwdDataAlgoPerf_t perf[ALGORITHMS];
    int count = 0;
    cudnnStatus_t s = cudnnGetConvolutionBackwardDataAlgorithm_v7(
        cuda_of(e)->dnn, c->w, c->y, c->conv, c->x, ALGORITHMS, &count, perf);
    CHOOSE(s, perf, count, c->data, c->data_math, c->data_bytes);
    return 0;
}

static int choose_filter(engine *e, conv *c) {
    cudnnConvolutionBwdFilterAlgoPerf_t perf[ALGORITHMS];
    int count = 0;
    cudnnStatus_t s = cudnnGetConvolutionBackwardFilterAlgorithm_v7(
        cuda_of(e)->dnn, c->x, c->y, c->conv, c->w, ALGORITHMS, &count, perf);
    CHOOSE(s, perf, count, c->filter, c->filter_math, c->filter_bytes);
    return 0;
}

static void create(conv *c) {
    CUDNN_CHECK(cudnnCreateTensorDescriptor(&c->x));
    CUDNN_CHECK(cudnnCreateTensorDescriptor(&c->y));
    CUDNN_CHECK(cudnnCreateFilterDescriptor(&c->w));
    CUDNN_CHECK(cudnnCreateConvolutionDescriptor(&c->conv));
}

/* -1: cuDNN has nothing for this layout. */
static int describe(engine *e, const node *n, conv *c, cudnnTensorFormat_t layout) {
    const engine_op *d = &n->d;
    shape4 in = e->nodes[n->in[0]].s, out = n->s;
    c->f = (shape4){d->filters, d->size, d->size, in.c / d->groups};
    c->turned = layout == CUDNN_TENSOR_NCHW;
    CUDNN_CHECK(cudnnSetTensor4dDescriptor(c->x, layout, CUDNN_DATA_FLOAT, in.n, in.c, in.h, in.w));
    CUDNN_CHECK(
        cudnnSetTensor4dDescriptor(c->y, layout, CUDNN_DATA_FLOAT, out.n, out.c, out.h, out.w));
    CUDNN_CHECK(
        cudnnSetFilter4dDescriptor(c->w, CUDNN_DATA_FLOAT, layout, c->f.n, c->f.c, c->f.h, c->f.w));
    CUDNN_CHECK(cudnnSetConvolution2dDescriptor(
        c->conv, d->pad, d->pad, d->stride, engine_stride_x(d), engine_dilation(d),
        engine_dilation(d), CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT));
    CUDNN_CHECK(cudnnSetConvolutionGroupCount(c->conv, d->groups));
    CUDNN_CHECK(cudnnSetConvolutionMathType(c->conv, cuda_of(e)->tf32 ? CUDNN_DEFAULT_MATH
                                                                      : CUDNN_FMA_MATH));
    return choose_forward(e, c) || (e->training && (choose_filter(e, c) || choose_data(e, c))) ? -1
                                                                                               : 0;
}

static void plan(engine *e, node *n) {
    conv *c = calloc(1, sizeof *c);
    if (!c) engine_die("out of memory for node %d", n->id);
    n->state = c;
    create(c);
    if (describe(e, n, c, CUDNN_TENSOR_NHWC) && describe(e, n, c, CUDNN_TENSOR_NCHW))
        no_algorithm(n);
    if (c->turned) {
        engine_need(e, &c->tx, shape_len(e->nodes[n->in[0]].s));
        engine_need(e, &c->ty, shape_len(n->s));
        engine_need(e, &c->tw, shape_len(c->f));
    }
    if (n->d.batch_norm) {
        engine_need(e, &c->raw, shape_len(n->s));
        engine_need(e, &c->stat, NORM_ROWS * (size_t)n->s.c);
    }
}

static void release(engine *e, node *n) {
    conv *c = n->state;
    CUDNN_CHECK(cudnnDestroyTensorDescriptor(c->x));
    CUDNN_CHECK(cudnnDestroyTensorDescriptor(c->y));
    CUDNN_CHECK(cudnnDestroyFilterDescriptor(c->w));
    CUDNN_CHECK(cudnnDestroyConvolutionDescriptor(c->conv));
    buffer *all[] = {&c->raw, &c->stat, &c->tx, &c->ty, &c->tw};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) engine_drop(e, all[i]);
    free(c);
}

static float *weights(engine *e, const node *n, const conv *c, const float *array, int writes) {
    return engine_cuda_twin(e, array, shape_len(c->f) * sizeof *array, &c->f, writes);
}

static void *work(engine *e, size_t bytes) {
    return bytes ? engine_need(e, &e->library, (bytes + 3) / 4) : NULL;
}

static const float one = 1, none = 0;

/* What cuDNN reads in place of p: p, or a copy in NCHW. / Where it writes, and the copy's way back.
 */
static const float *turn(engine *e, const conv *c, const float *p, shape4 s, const buffer *room) {
    if (!c->turned) return p;
    engine_cuda_each(e, RUN_to_nchw, shape_len(s), &(cuda_job){.y = room->p, .x = p, .s = s});
    return room->p;
}
static float *aside(const conv *c, float *p, const buffer *room) { return c->turned ? room->p : p; }
static void turn_back(engine *e, const conv *c, float *p, shape4 s, const buffer *room, int add) {
    if (c->turned)
        engine_cuda_each(e, RUN_from_nchw, shape_len(s),
                         &(cuda_job){.y = p, .x = room->p, .s = s, .add = add});
}

static void product(engine *e, const node *n, conv *c, float *y) {
    shape4 in = e->nodes[n->in[0]].s;
    const float *x = turn(e, c, e->nodes[n->in[0]].y.p, in, &c->tx),
                *w = turn(e, c, weights(e, n, c, n->d.p.weights, 0), c->f, &c->tw);
    void *room = work(e, c->forward_bytes);
    CUDNN_CHECK(cudnnSetConvolutionMathType(c->conv, c->forward_math));
    LIVE(e, CUDNN_CHECK(cudnnConvolutionForward(cuda_of(e)->dnn, &one, c->x, x, c->w, w, c->conv,
                                                c->forward, room, c->forward_bytes, &none, c->y,
                                                aside(c, y, &c->ty))));
    turn_back(e, c, y, n->s, &c->ty, 0);
}

/* (+=) */
static void filter_gradient(engine *e, const node *n, conv *c, float *dw) {
    const float *x = turn(e, c, e->nodes[n->in[0]].y.p, e->nodes[n->in[0]].s, &c->tx),
                *dy = turn(e, c, n->delta->b.p, n->s, &c->ty);
    void *room = work(e, c->filter_bytes);
    CUDNN_CHECK(cudnnSetConvolutionMathType(c->conv, c->filter_math));
    LIVE(e, CUDNN_CHECK(cudnnConvolutionBackwardFilter(
                cuda_of(e)->dnn, &one, c->x, x, c->y, dy, c->conv, c->filter, room, c->filter_bytes,
                c->turned ? &none : &one, c->w, aside(c, dw, &c->tw))));
    turn_back(e, c, dw, c->f, &c->tw, 1);
}

static void data_gradient(engine *e, const node *n, conv *c, float *dx, int add) {
    const float *w = turn(e, c, weights(e, n, c, n->d.p.weights, 0), c->f, &c->tw),
                *dy = turn(e, c, n->delta->b.p, n->s, &c->ty);
    void *room = work(e, c->data_bytes);
    CUDNN_CHECK(cudnnSetConvolutionMathType(c->conv, c->data_math));
    LIVE(e, CUDNN_CHECK(cudnnConvolutionBackwardData(
                cuda_of(e)->dnn, &one, c->w, w, c->y, dy, c->conv, c->data, room, c->data_bytes,
                add && !c->turned ? &one : &none, c->x, aside(c, dx, &c->tx))));
    turn_back(e, c, dx, e->nodes[n->in[0]].s, &c->tx, add);
}

static void forward(engine *e, node *n, const engine_mode *m) {
    conv *c = n->state;
    const engine_op *d = &n->d;
    size_t len = shape_len(n->s), filters = (size_t)n->s.c;
    float *y = d->batch_norm ? c->raw.p : n->y.p;
    product(e, n, c, y);
    if (d->batch_norm)
        engine_cuda_norm(e, n->y.p, y, len / filters, n->s.c, &d->p, d->activation, m->bn_batch,
                         c->stat.p);
    else
        engine_cuda_each(e, RUN_bias_act, len,
                         &(cuda_job){.y = y,
                                     .bias = cuda_floats(e, d->p.biases, filters, 0),
                                     .s = n->s,
                                     .act = d->activation});
}

static void backward(engine *e, node *n, const engine_mode *m) {
    conv *c = n->state;
    const engine_op *d = &n->d;
    size_t filters = (size_t)n->s.c, rows = shape_len(n->s) / filters;
    int add = 0;
    float slope;
    if (!d->batch_norm || !act_slope(d->activation, &slope))
        engine_cuda_delta_act(e, n, d->activation, NULL);
    if (d->batch_norm) {
        const float *dy;
        float *dx = engine_delta_change(e, n, &dy);
        engine_cuda_norm_back(e, dx, dy, c->raw.p, rows, n->s.c, &d->p, d->activation, m->bn_batch,
                              m->theta_grads, c->stat.p);
    }
    if (m->theta_grads) {
        filter_gradient(e, n, c, weights(e, n, c, d->p.weight_updates, 1));
        if (!d->batch_norm)
            engine_cuda_bias_update(e, d->p.bias_updates, n->delta->b.p, rows, n->s.c);
    }
    float *dx = engine_delta_of(e, n->in[0], &add);
    if (dx) data_gradient(e, n, c, dx, add);
}

const node_ops engine_cuda_conv = {
    .plan = plan, .forward = forward, .backward = backward, .free = release};
