/* linear.c - convolutional and connected nodes: weights times data on oneDNN, then batch norm or
 * bias, then the activation.
 *
 * Two ways through a node. Plain: the product alone, then our batch norm kernels (or bias and
 * activation inside the primitive where there is no batch norm). Folded, for inference: w' =
 * w*scale/(sqrt(var)+1e-6), b' = bias - mean*scale/(sqrt(var)+1e-6), so that product, norm and
 * activation are one primitive. */
#include "engine/cpu/linear.h"
#include "ops/batch_norm.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* Batch norm brings its own bias, after the scaling. */
static void make_forward(const node *n, linear *l, dnn_call *c, int with_bias, act_kind a) {
    const_dnnl_memory_desc_t bias = with_bias ? l->bias : NULL;
    dnnl_primitive_attr_t attr = engine_dnn_begin(c, a);
    if (n->kind == NODE_CONV)
        DNN_CHECK(dnnl_convolution_forward_primitive_desc_create(
            &c->pd, engine_dnn_engine(), dnnl_forward_training, dnnl_convolution_direct,
            l->src[l->type], l->any[l->type], bias, l->dst[DNN_F32], l->stride, l->dilation, l->pad,
            l->pad, attr));
    else
        DNN_CHECK(dnnl_inner_product_forward_primitive_desc_create(
            &c->pd, engine_dnn_engine(), dnnl_forward_training, l->src[l->type], l->any[l->type],
            bias, l->dst[DNN_F32], attr));
    engine_dnn_finish(c, attr);
}

static void make_bwd_data(const node *n, linear *l) {
    dnn_call *c = &l->bwd_data;
    dnnl_primitive_attr_t attr = engine_dnn_begin(c, ACT_LINEAR);
    if (n->kind == NODE_CONV)
        DNN_CHECK(dnnl_convolution_backward_data_primitive_desc_create(
            &c->pd, engine_dnn_engine(), dnnl_convolution_direct, l->src[DNN_F32], l->any[l->type],
            l->dst[l->type], l->stride, l->dilation, l->pad, l->pad, l->fwd.pd, attr));
    else
        DNN_CHECK(dnnl_inner_product_backward_data_primitive_desc_create(
            &c->pd, engine_dnn_engine(), l->src[DNN_F32], l->any[l->type], l->dst[l->type],
            l->fwd.pd, attr));
    engine_dnn_finish(c, attr);
}

/* Version 2 has looked for another one where it made the descriptor. */
static void pass_over_1x1(const node *n, const linear *l, dnnl_primitive_desc_t pd) {
#if DNNL_VERSION_MAJOR >= 3
    const dnnl_dim_t window[2] = {n->d.size, n->d.size};
    if (dnn_squeezes(pd, window, l->stride))
        (void)dnnl_primitive_desc_next_impl(pd); /* there is none: it stays */
#else
    (void)n;
    (void)l;
    (void)pd;
#endif
}

static void make_bwd_weights(const node *n, linear *l) {
    const_dnnl_memory_desc_t bias = n->d.batch_norm ? NULL : l->bias;
    dnn_call *c = &l->bwd_weights;
    dnnl_primitive_attr_t attr = engine_dnn_begin(c, ACT_LINEAR);
    if (n->kind == NODE_CONV)
        DNN_CHECK(dnnl_convolution_backward_weights_primitive_desc_create(
            &c->pd, engine_dnn_engine(), dnnl_convolution_direct, l->src[l->type], l->any[DNN_F32],
            bias, l->dst[l->type], l->stride, l->dilation, l->pad, l->pad, l->fwd.pd, attr));
    else
        DNN_CHECK(dnnl_inner_product_backward_weights_primitive_desc_create(
            &c->pd, engine_dnn_engine(), l->src[l->type], l->any[DNN_F32], bias, l->dst[l->type],
            l->fwd.pd, attr));
    if (n->kind == NODE_CONV) pass_over_1x1(n, l, c->pd);
    engine_dnn_finish(c, attr);
    engine_dnn_reorder(&l->collect, l->plain, engine_dnn_layout(c, DNNL_ARG_DIFF_WEIGHTS));
}

/* The activation that the primitive itself can do; the rest is left to a pass of ours. While
 * training, so is one whose gradient needs what it had. */
static act_kind inside(const engine *e, const node *n) {
    act_kind a = n->d.activation;
    return engine_dnn_has(a) && !(e->training && act_needs_input(a)) ? a : ACT_LINEAR;
}

static void make_plain(engine *e, node *n, linear *l) {
    int bn = n->d.batch_norm;
    make_forward(n, l, &l->fwd, !bn, bn ? ACT_LINEAR : inside(e, n));
    if (!bn) engine_cpu_keep_input(e, n, &l->raw, n->d.activation);
    if (!bn) return;
    engine_need(e, &l->raw, shape_len(n->s));
    engine_need(e, &l->stat, NORM_STAT * (size_t)n->s.c);
}

/* With few channels the products are not what takes the time, and bfloat16's kernels are slower
 * than float32's. */
static int rounds(const node *n, shape4 in) {
    enum { FEW = 16 };
    int groups = n->kind == NODE_CONV ? n->d.groups : 1;
    return engine_dnn_bf16() && in.c / groups >= FEW && n->s.c / groups >= FEW;
}

void engine_cpu_linear_plan(engine *e, node *n, linear_layouts *describe) {
    linear *l = calloc(1, sizeof *l);
    if (!l) engine_die("out of memory for node %d", n->id);
    shape4 in = e->nodes[n->in[0]].s;
    dnnl_dim_t c = n->s.c;
    describe(l, &n->d, in, n->s);
    l->type = rounds(n, in) ? DNN_BF16 : DNN_F32;
    e->rounding += l->type == DNN_BF16;
    l->bias = engine_dnn_md(1, &c, DNN_F32, dnnl_a);
    n->state = l;
    /* What this plan will surely run; anything else is made when first asked for. */
    if (!e->training && n->d.batch_norm)
        make_forward(n, l, &l->folded, 1, inside(e, n));
    else
        make_plain(e, n, l);
    if (!e->training) return;
    make_bwd_weights(n, l);
    if (n->in[0] > 0 || e->input_delta) make_bwd_data(n, l);
}

void engine_cpu_linear_free(engine *e, node *n) {
    linear *l = n->state;
    dnnl_memory_desc_t layouts[] = {l->src[0], l->src[1], l->dst[0], l->dst[1],
                                    l->any[0], l->any[1], l->plain,  l->bias};
    dnn_call *calls[] = {&l->fwd, &l->folded, &l->bwd_data, &l->bwd_weights};
    buffer *buffers[] = {&l->fold_w, &l->fold_b, &l->raw, &l->stat, &l->rounded};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) engine_dnn_free(calls[i]);
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) engine_drop(e, buffers[i]);
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++)
        dnnl_memory_desc_destroy(layouts[i]);
    reorder_free(&l->collect);
    engine_dnn_weights_free(e, &l->w_fwd);
    engine_dnn_weights_free(e, &l->w_bwd);
    engine_dnn_weights_free(e, &l->w_folded);
    free(l);
    n->state = NULL;
}

static void fold(engine *e, const node *n, linear *l) {
    if (l->fold_version == e->version) return;
    const engine_params *p = &n->d.p;
    size_t filters = (size_t)n->s.c;
    float *w = engine_need(e, &l->fold_w, filters * l->per_filter),
          *b = engine_need(e, &l->fold_b, filters);
    for (size_t o = 0; o < filters; o++) {
        double k = p->scales[o] / (sqrt(p->rolling_variance[o]) + BN_INFERENCE_EPS);
        b[o] = (float)(p->biases[o] - k * p->rolling_mean[o]);
        const float *from = p->weights + o * l->per_filter;
        float *to = w + o * l->per_filter;
        for (size_t i = 0; i < l->per_filter; i++) to[i] = (float)(k * from[i]);
    }
    l->fold_version = e->version;
}

/* len values at x as the products of this node take them, in b where they must be rounded. */
static const void *input(engine *e, const linear *l, buffer *b, const float *x, size_t len) {
    if (l->type == DNN_F32) return x;
    uint16_t *to = (uint16_t *)engine_need(e, b, (len + 1) / 2);
    engine_cpu_to_bf16(to, x, len);
    return to;
}

static void run_forward(engine *e, dnn_call *c, dnn_weights *w, const linear *l,
                        const float *weights, const float *bias, const void *x, float *y) {
    weights = engine_dnn_weights(e, w, weights, l->plain, engine_dnn_layout(c, DNNL_ARG_WEIGHTS),
                                 l->type);
    engine_dnn_bind(c, DNNL_ARG_SRC, x);
    engine_dnn_bind(c, DNNL_ARG_WEIGHTS, weights);
    if (bias) engine_dnn_bind(c, DNNL_ARG_BIAS, bias);
    engine_dnn_bind(c, DNNL_ARG_DST, y);
    engine_dnn_run(e, c);
}

void engine_cpu_linear_forward(engine *e, node *n, const engine_mode *m) {
    linear *l = n->state;
    const engine_op *d = &n->d;
    const node *from = &e->nodes[n->in[0]];
    const void *x = input(e, l, &l->rounded, from->y.p, shape_len(from->s));
    size_t len = shape_len(n->s);
    const float *z;
    if (d->batch_norm && !m->keep && !m->bn_batch) {
        if (!l->folded.p) make_forward(n, l, &l->folded, 1, inside(e, n));
        fold(e, n, l);
        run_forward(e, &l->folded, &l->w_folded, l, l->fold_w.p, l->fold_b.p, x, n->y.p);
        z = n->y.p;
    } else {
        if (!l->fwd.p) make_plain(e, n, l);
        /* raw: for batch norm, or for an activation whose gradient needs what it had. */
        float *y = l->raw.p ? l->raw.p : n->y.p;
        z = y;
        /* The rolling statistics move now, with or without an optimizer step after it. */
        if (m->bn_batch) l->fold_version = l->w_folded.version = 0;
        run_forward(e, &l->fwd, &l->w_fwd, l, d->p.weights, d->batch_norm ? NULL : d->p.biases, x,
                    y);
        if (d->batch_norm) {
            engine_cpu_norm(e, n->y.p, y, len / (size_t)n->s.c, n->s.c, &d->p, d->activation,
                            m->bn_batch, l->stat.p);
            return;
        }
    }
    if (inside(e, n) != d->activation) engine_cpu_act(n->y.p, z, len, d->activation);
}

static void weight_gradients(engine *e, const node *n, linear *l, const void *x,
                             const void *delta) {
    dnn_call *c = &l->bwd_weights;
    size_t filters = (size_t)n->s.c;
    size_t floats = (engine_dnn_floats(engine_dnn_layout(c, DNNL_ARG_DIFF_WEIGHTS)) + 15) / 16 * 16;
    float *dw = engine_need(e, &e->work, floats + filters), *db = dw + floats;
    engine_dnn_bind(c, DNNL_ARG_SRC, x);
    engine_dnn_bind(c, DNNL_ARG_DIFF_DST, delta);
    engine_dnn_bind(c, DNNL_ARG_DIFF_WEIGHTS, dw);
    if (!n->d.batch_norm) engine_dnn_bind(c, DNNL_ARG_DIFF_BIAS, db);
    engine_dnn_run(e, c);
    reorder_unpack_add(&l->collect, n->d.p.weight_updates, dw);
    if (!n->d.batch_norm) engine_cpu_add(n->d.p.bias_updates, db, filters);
}

/* oneDNN overwrites: a second contribution to the input's delta goes through a buffer. */
static void data_gradient(engine *e, const node *n, linear *l, const void *delta, float *dx,
                          int add) {
    dnn_call *c = &l->bwd_data;
    size_t len = shape_len(e->nodes[n->in[0]].s);
    float *to = add ? engine_need(e, &e->delta_tmp, len) : dx;
    const float *w = engine_dnn_weights(e, &l->w_bwd, n->d.p.weights, l->plain,
                                        engine_dnn_layout(c, DNNL_ARG_WEIGHTS), l->type);
    engine_dnn_bind(c, DNNL_ARG_DIFF_DST, delta);
    engine_dnn_bind(c, DNNL_ARG_WEIGHTS, w);
    engine_dnn_bind(c, DNNL_ARG_DIFF_SRC, to);
    engine_dnn_run(e, c);
    if (add) engine_cpu_add(dx, to, len);
}

void engine_cpu_linear_backward(engine *e, node *n, const engine_mode *m) {
    linear *l = n->state;
    const engine_op *d = &n->d;
    float slope;
    if (!d->batch_norm) engine_cpu_delta_act(e, n, d->activation, l->raw.p);
    if (d->batch_norm) {
        const float *dy;
        float *dx = engine_delta_change(e, n, &dy);
        if (!act_slope(d->activation, &slope)) {
            engine_cpu_norm_delta_act(e, dx, dy, l->raw.p, n->y.p, shape_len(n->s) / (size_t)n->s.c,
                                      n->s.c, &d->p, d->activation, l->stat.p);
            dy = dx;
        }
        engine_cpu_norm_back(e, dx, dy, l->raw.p, shape_len(n->s) / (size_t)n->s.c, n->s.c, &d->p,
                             d->activation, m->bn_batch, m->theta_grads, l->stat.p);
    }
    const void *delta = input(e, l, &e->rounded, n->delta->b.p, shape_len(n->s));
    if (m->theta_grads) {
        const float *x = e->nodes[n->in[0]].y.p;
        weight_gradients(e, n, l, l->type == DNN_F32 ? (const void *)x : l->rounded.p, delta);
    }
    int add = 0;
    float *dx = engine_delta_of(e, n->in[0], &add);
    if (!dx) return;
    if (!l->bwd_data.p) make_bwd_data(n, l);
    data_gradient(e, n, l, delta, dx, add);
}
