/* export_layers.c - each kind of layer in ONNX's operators: what engine/cpu (or, for layers that
 * Darknet's own code runs here, that code) computes in inference. */
#include "host/kinds.h"
#include "ops/batch_norm.h"
#include "ops/weighted_sum.h"
#include "tools/export_internal.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *activated(const export_place *p, const char *x) {
    const char *name = cfg_get(p->c, p->section, "activation");
    if (!name) name = cfg_activation(p->c, p->section); /* its default */
    return x ? export_activation(p, x, (act_kind)act_from_name(name ? name : "linear")) : NULL;
}

/* ---- layers with weights ---- */

/* Batch norm of a channel as factor and offset; 1 and its bias where there is none. */
static void norm_of(const layer *l, int norm, int k, double *factor, double *offset) {
    *factor = 1;
    *offset = l->biases ? (double)l->biases[k] : 0;
    if (!norm) return;
    *factor = (double)l->scales[k] / (sqrt((double)l->rolling_variance[k]) + BN_INFERENCE_EPS);
    *offset -= (double)l->rolling_mean[k] * *factor;
}

/* Weights (filters, each) and biases with batch norm in them. */
static void put_weights(const layer *l, int filters, size_t each, float *w, float *b) {
    for (int k = 0; k < filters && w && b; k++) {
        double factor, offset;
        norm_of(l, l->batch_normalize, k, &factor, &offset);
        b[k] = (float)offset;
        for (size_t e = 0; e < each; e++)
            w[(size_t)k * each + e] = (float)(factor * (double)l->weights[(size_t)k * each + e]);
    }
}

/* What antialiasing= puts after a layer: the same small blur of every channel. */
static const char *blur(const export_place *p, const char *x, const cfg_geometry *g) {
    static const float weights[2][3] = {{.5f, .5f}, {.25f, .5f, .25f}};
    int size = g->antialiasing == 2 ? 2 : 3, pad = size - 2;
    const int64_t dims[] = {p->out.c, 1, size, size};
    float *w;
    const char *name = onnx_tensor(p->g, 4, dims, &w);
    for (int k = 0; k < p->out.c * size * size && w; k++)
        w[k] = weights[size - 2][k / size % size] * weights[size - 2][k % size];
    onnx_node *node = onnx_add(p->g, NULL, "Conv", (const char *const[]){x, name, NULL});
    onnx_set_ints(p->g, node, "kernel_shape", 2, dims + 2);
    onnx_set_ints(p->g, node, "strides", 2, (const int64_t[]){g->stride_y, g->stride_x});
    onnx_set_ints(p->g, node, "pads", 4, (const int64_t[]){pad, pad, pad, pad});
    onnx_set_int(p->g, node, "group", p->out.c);
    return onnx_result(node);
}

/* Strides of a layer itself: 1 where a blur takes them. */
static void set_strides(const export_place *p, onnx_node *node, const cfg_geometry *g) {
    const int64_t one[] = {1, 1}, own[] = {g->stride_y, g->stride_x};
    onnx_set_ints(p->g, node, "strides", 2, g->antialiasing ? one : own);
}

static const char *convolutional(const export_place *p) {
    const layer *l = p->l;
    cfg_geometry g = cfg_get_geometry(p->c, p->section);
    int groups = l->groups ? l->groups : 1, owner = cfg_get_owner(p->c, p->section),
        pad = l->pad * g.dilation;
    const int64_t dims[] = {l->n, p->in_shape.c / groups, l->size, l->size}, n = l->n;
    float *w, *b;
    if (l->xnor || l->binary)
        return export_refuse(p, "is binary: ONNX has no operator for xnor=1 and binary=1");
    const char *weights = onnx_tensor(p->g, 4, dims, &w), *biases = onnx_tensor(p->g, 1, &n, &b);
    put_weights(owner < 0 ? l : &p->net->layers[owner], l->n, (size_t)(dims[1] * dims[2] * dims[3]),
                w, b);
    onnx_node *node = onnx_add(p->g, NULL, "Conv",
                               (const char *const[]){p->in, weights, biases, NULL});
    onnx_set_ints(p->g, node, "kernel_shape", 2, dims + 2);
    set_strides(p, node, &g);
    onnx_set_ints(p->g, node, "dilations", 2, (const int64_t[]){g.dilation, g.dilation});
    onnx_set_ints(p->g, node, "pads", 4, (const int64_t[]){pad, pad, pad, pad});
    onnx_set_int(p->g, node, "group", groups);
    const char *x = activated(p, onnx_result(node));
    return x && g.antialiasing ? blur(p, x, &g) : x;
}

static const char *connected(const export_place *p) {
    const layer *l = p->l;
    const int64_t dims[] = {l->outputs, l->inputs}, n = l->outputs;
    float *w, *b;
    const char *weights = onnx_tensor(p->g, 2, dims, &w), *biases = onnx_tensor(p->g, 1, &n, &b);
    put_weights(l, l->outputs, (size_t)l->inputs, w, b);
    onnx_node *node = onnx_add(
        p->g, NULL, "Gemm",
        (const char *const[]){onnx_op1(p->g, "Flatten", p->in), weights, biases, NULL});
    onnx_set_int(p->g, node, "transB", 1);
    return export_reshape(p, activated(p, onnx_result(node)), 4,
                          (const int64_t[]){0, l->outputs, 1, 1});
}

static const char *batchnorm(const export_place *p) {
    const int64_t dims[] = {p->out.c, 1, 1};
    float *factors, *offsets;
    const char *f = onnx_tensor(p->g, 3, dims, &factors), *o = onnx_tensor(p->g, 3, dims, &offsets);
    for (int k = 0; k < p->out.c && factors && offsets; k++) {
        double factor, offset;
        norm_of(p->l, 1, k, &factor, &offset);
        factors[k] = (float)factor;
        offsets[k] = (float)offset;
    }
    return onnx_op2(p->g, "Add", onnx_op2(p->g, "Mul", p->in, f), o);
}

/* ---- layers without ---- */

/* Darknet's padding is the total one; the first window begins half of it outside. */
static const char *pool(const export_place *p, const char *op) {
    cfg_geometry g = cfg_get_geometry(p->c, p->section);
    int stride = (int)cfg_get_num(p->c, p->section, "stride", 1),
        size = (int)cfg_get_num(p->c, p->section, "size", stride),
        padding = (int)cfg_get_num(p->c, p->section, "padding", size - 1), before = padding / 2;
    int in[] = {p->in_shape.h, p->in_shape.w}, step[] = {g.stride_y, g.stride_x};
    int64_t pads[4] = {before, before}, kernel[] = {size, size};
    for (int k = 0; k < 2; k++) {
        int s = g.antialiasing ? 1 : step[k], out = (in[k] + padding - size) / s + 1,
            after = (out - 1) * s + size - before - in[k];
        pads[2 + k] = after > 0 ? after : 0;
    }
    onnx_node *node = onnx_add(p->g, NULL, op, (const char *const[]){p->in, NULL});
    onnx_set_ints(p->g, node, "kernel_shape", 2, kernel);
    set_strides(p, node, &g);
    onnx_set_ints(p->g, node, "pads", 4, pads);
    return g.antialiasing ? blur(p, onnx_result(node), &g) : onnx_result(node);
}

static const char *maxpool(const export_place *p) {
    if (cfg_get_num(p->c, p->section, "maxpool_depth", 0) != 0 ||
        cfg_get_num(p->c, p->section, "maxpool_zero_nonmax", 0) != 0)
        return export_refuse(p, "maxpool_depth= and maxpool_zero_nonmax=: not in ONNX exports");
    return pool(p, "MaxPool");
}

/* Cells outside do not count in its mean: AveragePool's default. */
static const char *local_avgpool(const export_place *p) { return pool(p, "AveragePool"); }

static const char *reorg3d(const export_place *p) {
    onnx_node *node = onnx_add(p->g, NULL, "SpaceToDepth", (const char *const[]){p->in, NULL});
    onnx_set_int(p->g, node, "blocksize", (int)cfg_get_num(p->c, p->section, "stride", 1));
    return onnx_result(node);
}

static const char *avgpool(const export_place *p) {
    return onnx_op1(p->g, "GlobalAveragePool", p->in);
}

/* from, where it meets out: every stride-th point of it, as many channels as both have. */
static const char *meeting(const export_place *p, const char *from, const cfg_layer *f) {
    int stride = f->w / p->out.w;
    if (p->out.w > f->w || p->out.h > f->h)
        return export_refuse(p, "adds a smaller picture to a larger one: the ONNX export cannot");
    if (stride > 1 || f->h > p->out.h) {
        from = export_slice(p, from, 2, 0, stride * (p->out.h - 1) + 1, stride);
        from = export_slice(p, from, 3, 0, stride * (p->out.w - 1) + 1, stride);
    }
    return f->c > p->out.c ? export_slice(p, from, 1, 0, p->out.c, 1) : from;
}

/* The factors of input i of a weighted sum: one, or one for each of the first c channels. */
static const char *factors_of(const export_place *p, int i, int n, int c) {
    const char *type = cfg_get(p->c, p->section, "weights_type"),
               *norm = cfg_get(p->c, p->section, "weights_normalization");
    if (!norm) norm = cfg_get(p->c, p->section, "weights_normalizion");
    int sets = !strcmp(type, "per_channel") ? p->out.c : 1, used = sets > 1 ? c : 1;
    const int64_t dims[] = {used, 1, 1};
    sum_norm kind = norm && !strcmp(norm, "softmax") ? SUM_SOFTMAX : SUM_RELU;
    float *k, *all = calloc((size_t)n, sizeof *all);
    const char *name = onnx_tensor(p->g, 3, dims, &k);
    for (int e = 0; e < used && k && all; e++) {
        sum_factors(all, 1, p->l->weights + e, (size_t)sets, n, kind);
        k[e] = all[i];
    }
    free(all);
    return name;
}

/* The layer before and all that from= names, each by a factor where there are weights: as many
 * channels as the first has. */
static const char *sum_of(const export_place *p) {
    const char *type = cfg_get(p->c, p->section, "weights_type"), *x = p->in;
    int at = 0, n = export_named(p, 0, &at) + 1, weighted = type && strcmp(type, "none") != 0;
    if (weighted) x = onnx_op2(p->g, "Mul", x, factors_of(p, 0, n, p->out.c));
    for (int i = 1; i < n; i++) {
        export_named(p, i - 1, &at);
        const char *from = p->values[at], *rest = NULL;
        int c = p->shapes[at].c;
        if (c > p->out.c) from = export_slice(p, from, 1, 0, c = p->out.c, 1);
        if (weighted) from = onnx_op2(p->g, "Mul", from, factors_of(p, i, n, c));
        if (c < p->out.c) {
            rest = export_slice(p, x, 1, c, p->out.c, 1);
            x = export_slice(p, x, 1, 0, c, 1);
        }
        x = onnx_op2(p->g, "Add", x, from);
        if (rest) x = export_concat(p, (const char *const[]){x, rest, NULL}, 1);
    }
    return activated(p, x);
}

static const char *shortcut(const export_place *p) {
    const layer *l = p->l;
    int at = 0;
    if (cfg_stands_in(p->c, p->section)) return sum_of(p);
    export_named(p, 0, &at);
    const cfg_layer *f = &p->shapes[at];
    const char *from = meeting(p, p->values[at], f), *x = p->in, *rest = NULL;
    if (!from) return NULL;
    if (f->c < p->out.c) {
        rest = export_slice(p, x, 1, f->c, p->out.c, 1);
        x = export_slice(p, x, 1, 0, f->c, 1);
    }
    x = onnx_op2(p->g, "Add", export_affine(p, x, l->alpha, 0), export_affine(p, from, l->beta, 0));
    if (rest) x = export_concat(p, (const char *const[]){x, rest, NULL}, 1);
    return activated(p, x);
}

static const char *route(const export_place *p) {
    const char *values[257] = {NULL};
    int n = export_named(p, 0, &(int){0}), groups = (int)cfg_get_num(p->c, p->section, "groups", 1),
        block = (int)cfg_get_num(p->c, p->section, "group_id", 0);
    for (int k = 0; k < n; k++) {
        int at = 0;
        export_named(p, k, &at);
        int part = p->shapes[at].c / groups;
        values[k] = p->values[at];
        if (groups > 1)
            values[k] = export_slice(p, values[k], 1, block * part, (block + 1) * part, 1);
    }
    return n == 1 ? values[0] : export_concat(p, values, 1);
}

static const char *upsample(const export_place *p) {
    const layer *l = p->l;
    const int64_t none = 0, four = 4;
    float *empty, *scales;
    if (l->reverse) return export_refuse(p, "has a negative stride: the ONNX export cannot");
    const char *roi = onnx_opset(p->g) < 13 ? onnx_tensor(p->g, 1, &none, &empty) : "",
               *by = onnx_tensor(p->g, 1, &four, &scales);
    for (int k = 0; k < 4 && scales; k++) scales[k] = k < 2 ? 1 : (float)l->stride;
    onnx_node *node = onnx_add(p->g, NULL, "Resize", (const char *const[]){p->in, roi, by, NULL});
    onnx_set_text(p->g, node, "mode", "nearest");
    onnx_set_text(p->g, node, "coordinate_transformation_mode", "asymmetric");
    onnx_set_text(p->g, node, "nearest_mode", "floor");
    return export_affine(p, onnx_result(node), l->scale, 0);
}

/* Darknet takes its map for one of c/s^2 channels, s times as wide and high, whatever it is. */
static const char *reorg(const export_place *p) {
    const layer *l = p->l;
    int s = l->stride, parts = l->c / (s * s);
    if (l->flatten || l->extra) return export_refuse(p, "flatten= and extra=: not in ONNX exports");
    if (parts * s * s != l->c)
        return export_refuse(p, "needs channels in a multiple of %d for an ONNX export", s * s);
    const int64_t out[] = {0, p->out.c, p->out.h, p->out.w}, apart[] = {0, parts, l->h, s, l->w, s},
                  order[] = {0, 3, 5, 1, 2, 4}, apart_back[] = {0, s, s, parts, l->h, l->w},
                  order_back[] = {0, 3, 4, 1, 5, 2};
    const char *x = export_reshape(p, p->in, 6, l->reverse ? apart_back : apart);
    x = export_transpose(p, x, 6, l->reverse ? order_back : order);
    return export_reshape(p, x, 4, out);
}

static const char *crop(const export_place *p) {
    int top = (p->in_shape.h - p->out.h) / 2, left = (p->in_shape.w - p->out.w) / 2,
        as_is = cfg_get_num(p->c, p->section, "noadjust", 0) != 0;
    const char *x = export_slice(p, p->in, 2, top, top + p->out.h, 1);
    x = export_slice(p, x, 3, left, left + p->out.w, 1);
    return as_is ? x : export_affine(p, x, 2, -1);
}

static const char *same(const export_place *p) { return p->in; }
static const char *activation(const export_place *p) { return activated(p, p->in); }
static const char *logistic(const export_place *p) { return onnx_op1(p->g, "Sigmoid", p->in); }

static const char *probabilities(const export_place *p) {
    const layer *l = p->l;
    if (l->softmax_tree) return export_refuse(p, "has a tree=: not in ONNX exports");
    if (l->spatial) return export_refuse(p, "has spatial=1: not in ONNX exports");
    int64_t each = l->inputs / l->groups;
    const char *x = export_affine(p, p->in, 1 / l->temperature, 0);
    x = export_reshape(p, x, 2, (const int64_t[]){-1, each});
    onnx_node *node = onnx_add(p->g, NULL, "Softmax", (const char *const[]){x, NULL});
    onnx_set_int(p->g, node, "axis", 1);
    return export_reshape(p, onnx_result(node), 4,
                          (const int64_t[]){-1, p->out.c, p->out.h, p->out.w});
}

/* Factors of every channel (or, with scale_wh=1, of every point), and a map. */
static const char *scale_channels(const export_place *p) {
    int at = 0;
    export_named(p, 0, &at);
    return activated(p, onnx_op2(p->g, "Mul", p->values[at], p->in));
}

/* Learned numbers, the same for every picture. */
static const char *implicit(const export_place *p) {
    const int64_t dims[] = {p->a->batch, p->out.c, p->out.h, p->out.w};
    size_t n = (size_t)p->l->nweights;
    float *x;
    if (!p->a->batch)
        return export_refuse(p, "is the same for every picture, of which -batch dynamic does not "
                                "say how many there are: give a number");
    const char *name = onnx_tensor(p->g, 4, dims, &x);
    for (size_t k = 0; k < n * (size_t)p->a->batch && x; k++) x[k] = p->l->weights[k % n];
    return name;
}

static const char *with_control(const export_place *p, const char *op) {
    int at = 0;
    export_named(p, 0, &at);
    return onnx_op2(p->g, op, p->in, p->values[at]);
}
static const char *shift_channels(const export_place *p) { return with_control(p, "Add"); }
static const char *control_channels(const export_place *p) { return with_control(p, "Mul"); }

static const char *perturb(const export_place *p) {
    const char *noise = cfg_get(p->c, p->section, "noise");
    if (host_inference_t(host_of(p->net)) > 0 && !(noise && !strcmp(noise, "gaussian")))
        return export_refuse(p, "multiplies by what phi makes of the picture: `metaperturb weights "
                                "fold` first makes a plain network, which can be exported");
    return activated(p, p->in);
}

static export_layer *const functions[CFG_S_COUNT] = {
    [CFG_S_CONVOLUTIONAL] = convolutional,
    [CFG_S_CONNECTED] = connected,
    [CFG_S_BATCHNORM] = batchnorm,
    [CFG_S_MAXPOOL] = maxpool,
    [CFG_S_AVGPOOL] = avgpool,
    [CFG_S_LOCAL_AVGPOOL] = local_avgpool,
    [CFG_S_REORG3D] = reorg3d,
    [CFG_S_SHORTCUT] = shortcut,
    [CFG_S_ROUTE] = route,
    [CFG_S_UPSAMPLE] = upsample,
    [CFG_S_REORG] = reorg,
    [CFG_S_CROP] = crop,
    [CFG_S_DROPOUT] = same,
    [CFG_S_COST] = same,
    [CFG_S_ACTIVATION] = activation,
    [CFG_S_LOGISTIC] = logistic,
    [CFG_S_SOFTMAX] = probabilities,
    [CFG_S_SCALE_CHANNELS] = scale_channels,
    [CFG_S_SAM] = scale_channels,
    [CFG_S_IMPLICIT] = implicit,
    [CFG_S_IMPLICIT_ADD] = implicit,
    [CFG_S_IMPLICIT_MUL] = implicit,
    [CFG_S_SHIFT_CHANNELS] = shift_channels,
    [CFG_S_CONTROL_CHANNELS] = control_channels,
    [CFG_S_PERTURB] = perturb,
    [CFG_S_YOLO] = export_yolo,
    [CFG_S_REGION] = export_region,
    [CFG_S_DETECTION] = export_detection,
};

export_layer *export_layer_for(int kind) { return functions[kind]; }
