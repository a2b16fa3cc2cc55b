/* export_activations.c - each activation in ONNX's operators, as ops/activation.h defines it. */
#include "tools/export_internal.h"

/* from + relu(x - from) - relu(x - to): OpenCV 4.6 does not read Clip with inputs. */
static const char *clip(const export_place *p, const char *x, float from, float to) {
    const char *low = onnx_op1(p->g, "Relu", export_affine(p, x, 1, -from)),
               *high = onnx_op1(p->g, "Relu", export_affine(p, x, 1, -to));
    return export_affine(p, onnx_op2(p->g, "Sub", low, high), 1, from);
}

static const char *with_alpha(const export_place *p, const char *op, const char *x, float alpha) {
    onnx_node *node = onnx_add(p->g, NULL, op, (const char *const[]){x, NULL});
    onnx_set_float(p->g, node, "alpha", alpha);
    return onnx_result(node);
}

static const char *selu(const export_place *p, const char *x) {
    onnx_node *node = onnx_add(p->g, NULL, "Selu", (const char *const[]){x, NULL});
    onnx_set_float(p->g, node, "alpha", 1.6732f);
    onnx_set_float(p->g, node, "gamma", 1.0507f);
    return onnx_result(node);
}

/* 0.5 x (1 + tanh(0.797885 x + 0.035677 x^3)) */
static const char *gelu(const export_place *p, const char *x) {
    onnx_graph *g = p->g;
    const char *square = onnx_op2(g, "Mul", x, x),
               *inner = onnx_op2(g, "Mul", x, export_affine(p, square, 0.035677f, 0.797885f));
    return onnx_op2(g, "Mul", export_affine(p, onnx_op1(g, "Tanh", inner), 0.5f, 0.5f), x);
}

/* x above 0, x^2/2 + x between -2 and 0, 0 below */
static const char *hard_mish(const export_place *p, const char *x) {
    onnx_graph *g = p->g;
    const char *low = clip(p, x, -2, 0);
    return onnx_op2(g, "Add", onnx_op1(g, "Relu", x),
                    onnx_op2(g, "Mul", low, export_affine(p, low, 0.5f, 1)));
}

/* slope 1 between two bends at from and to, where it is 0 and height; outside: slope low */
static const char *bend(const export_place *p, const char *x, float from, float to, float low,
                        float slope, float at_0) {
    onnx_graph *g = p->g;
    const char *inside = clip(p, x, from, to), *outside = onnx_op2(g, "Sub", x, inside);
    return onnx_op2(g, "Add", export_affine(p, inside, slope, at_0),
                    export_affine(p, outside, low, 0));
}

/* The sum over the channels: a convolution with ones. */
static const char *sum_of_channels(const export_place *p, const char *x) {
    const int64_t dims[] = {1, p->out.c, 1, 1};
    float *ones;
    const char *w = onnx_tensor(p->g, 4, dims, &ones);
    for (int k = 0; k < p->out.c && ones; k++) ones[k] = 1;
    onnx_node *node = onnx_add(p->g, NULL, "Conv", (const char *const[]){x, w, NULL});
    onnx_set_ints(p->g, node, "kernel_shape", 2, (const int64_t[]){1, 1});
    return onnx_result(node);
}

/* relu(x) / (its sum + 1e-4) */
static const char *normalized(const export_place *p, const char *x) {
    const char *y = onnx_op1(p->g, "Relu", x);
    return onnx_op2(p->g, "Div", y, export_affine(p, sum_of_channels(p, y), 1, 1e-4f));
}

static const char *largest(const export_place *p, const char *x) {
    const int64_t axis = 1;
    int newer = onnx_opset(p->g) >= 18;
    onnx_node *node = onnx_add(
        p->g, NULL, "ReduceMax",
        (const char *const[]){x, newer ? onnx_ints(p->g, 1, &axis) : NULL, NULL});
    if (!newer) onnx_set_ints(p->g, node, "axes", 1, &axis);
    return onnx_result(node);
}

/* exp(x - m) / (its sum + 1e-4), m: the largest; without `shifted` the same of exp(x), which is
 * exp(x - m) / (its sum + 1e-4 exp(-m)) and does not overflow. */
static const char *softmax_of_channels(const export_place *p, const char *x, int shifted) {
    onnx_graph *g = p->g;
    const char *m = largest(p, x), *y = onnx_op1(g, "Exp", onnx_op2(g, "Sub", x, m)),
               *sum = sum_of_channels(p, y);
    if (shifted) return onnx_op2(g, "Div", y, export_affine(p, sum, 1, 1e-4f));
    const char *small = export_affine(p, onnx_op1(g, "Exp", onnx_op1(g, "Neg", m)), 1e-4f, 0);
    return onnx_op2(g, "Div", y, onnx_op2(g, "Add", sum, small));
}

const char *export_activation(const export_place *p, const char *x, act_kind a) {
    onnx_graph *g = p->g;
    switch (a) {
    case ACT_NORM_CHAN: return normalized(p, x);
    case ACT_NORM_CHAN_SOFTMAX: return softmax_of_channels(p, x, 0);
    case ACT_NORM_CHAN_SOFTMAX_MAXVAL: return softmax_of_channels(p, x, 1);
    case ACT_LINEAR: return x;
    case ACT_RELU: return onnx_op1(g, "Relu", x);
    case ACT_LEAKY:
    case ACT_REVLEAKY: return with_alpha(p, "LeakyRelu", x, 0.1f);
    case ACT_RELIE: return with_alpha(p, "LeakyRelu", x, 0.01f);
    case ACT_LOGISTIC: return onnx_op1(g, "Sigmoid", x);
    case ACT_TANH: return onnx_op1(g, "Tanh", x);
    case ACT_LOGGY: return onnx_op1(g, "Tanh", export_affine(p, x, 0.5f, 0));
    case ACT_ELU: return with_alpha(p, "Elu", x, 1);
    case ACT_SELU: return selu(p, x);
    case ACT_RELU6: return clip(p, x, 0, 6);
    case ACT_HARDTAN: return clip(p, x, -1, 1);
    case ACT_LHTAN: return bend(p, x, 0, 1, 0.001f, 1, 0);
    case ACT_PLSE: return bend(p, x, -4, 4, 0.01f, 0.125f, 0.5f);
    case ACT_RAMP: return onnx_op2(g, "Add", onnx_op1(g, "Relu", x), export_affine(p, x, 0.1f, 0));
    case ACT_MISH: return onnx_op2(g, "Mul", x, onnx_op1(g, "Tanh", onnx_op1(g, "Softplus", x)));
    case ACT_SWISH: return onnx_op2(g, "Mul", x, onnx_op1(g, "Sigmoid", x));
    case ACT_HARD_MISH: return hard_mish(p, x);
    case ACT_GELU: return gelu(p, x);
    default:
        return export_refuse(p, "activation=%s: the ONNX export does not know it", act_name(a));
    }
}
