/* plan.c - the output shape of every kind of node (shapes that do not fit give a sentence), and
 * what a mode means for one. */
#include "engine/backend.h"
#include <math.h>
#include <stdio.h>

#define REFUSE(...)                          \
    do {                                     \
        snprintf(err, err_len, __VA_ARGS__); \
        return -1;                           \
    } while (0)

static int conv_shape(node *n, shape4 s, char *err, size_t err_len) {
    const engine_conv *d = &n->d.conv;
    if (s.c % d->groups || d->filters % d->groups) {
        REFUSE(
            "node %d: groups=%d does not divide %d channels into %d filters; choose a common divisor",
            n->id, d->groups, s.c, d->filters);
    }
    if (s.h + 2 * d->pad < d->size || s.w + 2 * d->pad < d->size) {
        REFUSE(
            "node %d: a window of size %d does not fit its input of %dx%d with pad %d; use a larger "
            "picture or a smaller size",
            n->id, d->size, s.h, s.w, d->pad);
    }
    n->s = (shape4){s.n, (s.h + 2 * d->pad - d->size) / d->stride + 1,
                    (s.w + 2 * d->pad - d->size) / d->stride + 1, d->filters};
    return 0;
}

/* The weights of a connected layer belong to one size of its input. */
static int connected_shape(node *n, shape4 s, char *err, size_t err_len) {
    size_t inputs = (size_t)s.h * (size_t)s.w * (size_t)s.c;
    if (n->inputs && n->inputs != inputs) {
        REFUSE(
            "node %d: this connected layer was made for %zu inputs and would now get %zu (%dx%dx%d); keep "
            "the size of the picture",
            n->id, n->inputs, inputs, s.h, s.w, s.c);
    }
    n->inputs = inputs;
    n->s = (shape4){s.n, 1, 1, n->d.conv.filters};
    return 0;
}

static int maxpool_shape(node *n, shape4 s, char *err, size_t err_len) {
    int size = n->d.pool.size, stride = n->d.pool.stride, pad = n->d.pool.padding;
    if (s.h + pad < size || s.w + pad < size) {
        REFUSE(
            "node %d: a pooling window of size %d does not fit its input of %dx%d; use a larger picture",
            n->id, size, s.h, s.w);
    }
    if (pad - pad / 2 >= size) {
        REFUSE(
            "node %d: padding=%d lets a window of size %d lie outside the picture; use at most %d",
            n->id, pad, size, 2 * size - 2);
    }
    n->s = (shape4){s.n, (s.h + pad - size) / stride + 1, (s.w + pad - size) / stride + 1, s.c};
    return 0;
}

/* Darknet strides over the larger of the two maps; both sides must ask for the same stride. */
static int shortcut_shape(node *n, shape4 a, shape4 b, char *err, size_t err_len) {
    if (b.w / a.w != b.h / a.h || a.w / b.w != a.h / b.h) {
        REFUSE(
            "node %d: a shortcut cannot add %dx%d to %dx%d: width and height need the same stride",
            n->id, b.h, b.w, a.h, a.w);
    }
    n->s = a;
    return 0;
}

static int route_shape(const engine *e, node *n, char *err, size_t err_len) {
    shape4 a = e->nodes[n->in[0]].s;
    for (int i = 1; i < n->n_in; i++) {
        shape4 b = e->nodes[n->in[i]].s;
        if (a.h != b.h || a.w != b.w) {
            REFUSE("node %d: a route cannot join maps of %dx%d (node %d) and %dx%d (node %d)",
                   n->id, a.h, a.w, n->in[0], b.h, b.w, n->in[i]);
        }
        a.c += b.c;
    }
    n->s = a;
    return 0;
}

int engine_node_shape(const engine *e, node *n, char *err, size_t err_len) {
    shape4 s = n->n_in > 0 ? e->nodes[n->in[0]].s : e->nodes[0].s;
    switch (n->kind) {
    case NODE_CONV: return conv_shape(n, s, err, err_len);
    case NODE_CONNECTED: return connected_shape(n, s, err, err_len);
    case NODE_MAXPOOL: return maxpool_shape(n, s, err, err_len);
    case NODE_AVGPOOL: n->s = (shape4){s.n, 1, 1, s.c}; return 0;
    case NODE_SHORTCUT: return shortcut_shape(n, s, e->nodes[n->in[1]].s, err, err_len);
    case NODE_ROUTE: return route_shape(e, n, err, err_len);
    case NODE_UPSAMPLE:
        n->s = (shape4){s.n, s.h * n->d.up.stride, s.w * n->d.up.stride, s.c};
        return 0;
    case NODE_FOREIGN:
        n->s = n->d.fixed;
        n->s.n = s.n;
        return 0;
    case NODE_SOFTMAX:
        if (s.h != 1 || s.w != 1) {
            REFUSE(
                "node %d: the softmax needs a 1x1 map and gets %dx%d; put [avgpool] or [connected] before it",
                n->id, s.h, s.w);
        }
        n->s = s;
        return 0;
    default: n->s = s; return 0;
    }
}

int engine_dropblock_size(const node *n) {
    int edge = n->s.h < n->s.w ? n->s.h : n->s.w;
    int block = n->d.drop.block_rel > 0 ? (int)(n->d.drop.block_rel * (float)edge + 0.5f)
                                        : n->d.drop.block;
    return block < 1 ? 1 : block < edge ? block : edge;
}

perturb_args engine_perturb_args(const node *n, const engine_mode *m) {
    const engine_perturb *d = &n->d.perturb;
    float slope = 1;
    int gaussian = d->noise == PERTURB_KIND_GAUSSIAN;
    (void)act_slope(d->activation, &slope);
    return (perturb_args){
        .s = n->s,
        .slope = slope,
        .c_feature = (float)n->s.c / d->c_norm,
        .h_feature = (float)n->s.h / d->h_norm,
        .t = m->t,
        .clip = (m->perturb_batch || d->clip_test) && !gaussian ? d->clip : INFINITY,
        .two_sided = 1,
        .noise = perturb_noise_of((perturb_kind)d->noise, m->noise == PERTURB_NOISE_SAMPLE),
        .sd = d->sd,
        .scale = d->scale && !gaussian,
        .batch_stats = m->perturb_batch,
        .momentum = d->momentum,
        .eps = n->eps,
        .key = rng_key(m->seed, RNG_NOISE, m->draw, (uint64_t)n->id),
    };
}
