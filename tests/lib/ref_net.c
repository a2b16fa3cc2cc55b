/* ref_net.c - see ref_net.h */
#include "ref_net.h"
#include "ref.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    int c, h, w;
    double *v;
} map; /* v: (batch, c, h, w) */

static double *copy(const float *p, size_t n) {
    double *d = malloc((n ? n : 1) * sizeof *d);
    for (size_t k = 0; k < n; k++) d[k] = p ? (double)p[k] : 0;
    return d;
}

static size_t weights_of(const layer *l) {
    return l->type == CONVOLUTIONAL ? (size_t)l->nweights
           : l->type == CONNECTED   ? (size_t)l->inputs * (size_t)l->outputs
                                    : 0;
}

static size_t filters_of(const layer *l) {
    return l->type == CONVOLUTIONAL ? (size_t)l->n
           : l->type == CONNECTED   ? (size_t)l->outputs
           : l->type == BATCHNORM   ? (size_t)l->c
                                    : 0;
}

ref_net *ref_net_new(const network *net, int batch) {
    ref_net *r = calloc(1, sizeof *r);
    size_t n = (size_t)net->n;
    r->net = net;
    r->batch = batch;
    r->bn_batch = 1;
    r->t = 1;
    r->clip = 100;
    r->layers = calloc(n, sizeof *r->layers);
    r->w = calloc(n, sizeof *r->w);
    r->b = calloc(n, sizeof *r->b);
    r->s = calloc(n, sizeof *r->s);
    for (size_t i = 0; i < n; i++) {
        const layer *l = &net->layers[i];
        r->w[i] = copy(l->weights, weights_of(l));
        r->b[i] = copy(l->biases, filters_of(l));
        r->s[i] = copy(l->scales, l->batch_normalize || l->type == BATCHNORM ? filters_of(l) : 0);
    }
    return r;
}

void ref_net_free(ref_net *r) {
    for (int i = 0; i < r->net->n; i++) {
        free(r->w[i]);
        free(r->b[i]);
        free(r->s[i]);
    }
    free(r->layers);
    free(r->w);
    free(r->b);
    free(r->s);
    free(r);
}

static double act(double x, ACTIVATION a) {
    switch (a) {
    case LOGISTIC: return 1 / (1 + exp(-x));
    case RELU: return x > 0 ? x : 0;
    case LEAKY: return x > 0 ? x : 0.1 * x;
    case TANH: return tanh(x);
    case ELU: return x >= 0 ? x : exp(x) - 1;
    case LINEAR: return x;
    default: abort(); /* a test net may use only these */
    }
}

static map new_map(int batch, int c, int h, int w) {
    return (map){c, h, w,
                 calloc((size_t)batch * (size_t)c * (size_t)h * (size_t)w, sizeof(double))};
}

static double *at(map m, int b, int c, int y, int x) {
    return &m.v[(((size_t)b * (size_t)m.c + (size_t)c) * (size_t)m.h + (size_t)y) * (size_t)m.w +
                (size_t)x];
}

static map conv(const ref_net *r, int i, map in) {
    const layer *l = &r->net->layers[i];
    int g = l->groups ? l->groups : 1, cg = in.c / g, ng = l->n / g;
    map out = new_map(r->batch, l->n, (in.h + 2 * l->pad - l->size) / l->stride + 1,
                      (in.w + 2 * l->pad - l->size) / l->stride + 1);
    for (int b = 0; b < r->batch; b++)
        for (int f = 0; f < l->n; f++)
            for (int y = 0; y < out.h; y++)
                for (int x = 0; x < out.w; x++) {
                    double sum = 0;
                    for (int c = 0; c < cg; c++)
                        for (int ky = 0; ky < l->size; ky++)
                            for (int kx = 0; kx < l->size; kx++) {
                                int iy = y * l->stride + ky - l->pad,
                                    ix = x * l->stride + kx - l->pad;
                                if (iy < 0 || ix < 0 || iy >= in.h || ix >= in.w) continue;
                                sum += r->w[i][((f * cg + c) * l->size + ky) * l->size + kx] *
                                       *at(in, b, f / ng * cg + c, iy, ix);
                            }
                    *at(out, b, f, y, x) = sum;
                }
    return out;
}

static void norm_bias_act(const ref_net *r, int i, map m, int bn, ACTIVATION a) {
    const layer *l = &r->net->layers[i];
    size_t area = (size_t)m.h * (size_t)m.w;
    double n = (double)area * r->batch;
    for (int c = 0; c < m.c; c++) {
        double mean = 0, var = 0, scale = 1;
        if (bn && r->bn_batch) {
            for (int b = 0; b < r->batch; b++)
                for (size_t k = 0; k < area; k++) mean += at(m, b, c, 0, 0)[k] / n;
            for (int b = 0; b < r->batch; b++)
                for (size_t k = 0; k < area; k++) {
                    double d = at(m, b, c, 0, 0)[k] - mean;
                    var += d * d / n;
                }
            scale = r->s[i][c] / sqrt(var + 1e-5);
        } else if (bn) {
            mean = (double)l->rolling_mean[c];
            scale = r->s[i][c] / (sqrt((double)l->rolling_variance[c]) + 1e-6);
        }
        for (int b = 0; b < r->batch; b++)
            for (size_t k = 0; k < area; k++) {
                double *v = &at(m, b, c, 0, 0)[k];
                *v = act((*v - mean) * scale + r->b[i][c], a);
            }
    }
}

static map connected(const ref_net *r, int i, map in) {
    const layer *l = &r->net->layers[i];
    map out = new_map(r->batch, l->outputs, 1, 1);
    for (int b = 0; b < r->batch; b++)
        for (int o = 0; o < l->outputs; o++) {
            double sum = 0;
            for (int k = 0; k < l->inputs; k++)
                sum += r->w[i][(size_t)o * (size_t)l->inputs + (size_t)k] * at(in, b, 0, 0, 0)[k];
            *at(out, b, o, 0, 0) = sum;
        }
    return out;
}

static map maxpool(const ref_net *r, int i, map in) {
    const layer *l = &r->net->layers[i];
    map out = new_map(r->batch, in.c, (in.h + l->pad - l->size) / l->stride + 1,
                      (in.w + l->pad - l->size) / l->stride + 1);
    for (int b = 0; b < r->batch; b++)
        for (int c = 0; c < in.c; c++)
            for (int y = 0; y < out.h; y++)
                for (int x = 0; x < out.w; x++) {
                    double best = -INFINITY;
                    for (int ky = 0; ky < l->size; ky++)
                        for (int kx = 0; kx < l->size; kx++) {
                            int iy = y * l->stride + ky - l->pad / 2,
                                ix = x * l->stride + kx - l->pad / 2;
                            if (iy >= 0 && ix >= 0 && iy < in.h && ix < in.w)
                                best = fmax(best, *at(in, b, c, iy, ix));
                        }
                    *at(out, b, c, y, x) = best;
                }
    return out;
}

static map avgpool(const ref_net *r, map in) {
    map out = new_map(r->batch, in.c, 1, 1);
    int area = in.h * in.w;
    for (int b = 0; b < r->batch; b++)
        for (int c = 0; c < in.c; c++)
            for (int k = 0; k < area; k++) *at(out, b, c, 0, 0) += at(in, b, c, 0, 0)[k] / area;
    return out;
}

/* Darknet adds what overlaps: the first channels, every stride-th pixel of the larger picture; only
 * there alpha counts. */
static map shortcut(const ref_net *r, int i, map in, map from) {
    map out = new_map(r->batch, in.c, in.h, in.w);
    int stride = from.w / in.w > 1 ? from.w / in.w : 1,
        sample = in.w / from.w > 1 ? in.w / from.w : 1;
    int c = in.c < from.c ? in.c : from.c, h = in.h < from.h ? in.h : from.h,
        w = in.w < from.w ? in.w : from.w;
    memcpy(out.v, in.v,
           sizeof(double) * (size_t)r->batch * (size_t)in.c * (size_t)in.h * (size_t)in.w);
    double alpha = (double)r->net->layers[i].alpha, beta = (double)r->net->layers[i].beta;
    for (int b = 0; b < r->batch; b++)
        for (int k = 0; k < c; k++)
            for (int y = 0; y < h; y++)
                for (int x = 0; x < w; x++) {
                    double *o = at(out, b, k, y * sample, x * sample);
                    *o = alpha * *o + beta * *at(from, b, k, y * stride, x * stride);
                }
    size_t n = (size_t)r->batch * (size_t)in.c * (size_t)in.h * (size_t)in.w;
    for (size_t k = 0; k < n; k++) out.v[k] = act(out.v[k], r->net->layers[i].activation);
    return out;
}

static map route(const ref_net *r, int i, const map *maps) {
    const layer *l = &r->net->layers[i];
    map first = maps[l->input_layers[0]], out;
    int c = 0, done = 0;
    for (int k = 0; k < l->n; k++) c += maps[l->input_layers[k]].c;
    out = new_map(r->batch, c, first.h, first.w);
    for (int k = 0; k < l->n; k++) {
        map m = maps[l->input_layers[k]];
        for (int b = 0; b < r->batch; b++)
            memcpy(at(out, b, done, 0, 0), at(m, b, 0, 0, 0),
                   sizeof(double) * (size_t)m.c * (size_t)m.h * (size_t)m.w);
        done += m.c;
    }
    return out;
}

static map upsample(const ref_net *r, int i, map in) {
    const layer *l = &r->net->layers[i];
    map out = new_map(r->batch, in.c, in.h * l->stride, in.w * l->stride);
    for (int b = 0; b < r->batch; b++)
        for (int c = 0; c < in.c; c++)
            for (int y = 0; y < out.h; y++)
                for (int x = 0; x < out.w; x++)
                    *at(out, b, c, y, x) = (double)l->scale *
                                           *at(in, b, c, y / l->stride, x / l->stride);
    return out;
}

static map perturb(const ref_net *r, int i, map in) {
    const ref_layer *p = &r->layers[i];
    map out = new_map(r->batch, in.c, in.h, in.w);
    size_t area = (size_t)in.h * (size_t)in.w, n = (size_t)r->batch * (size_t)in.c * area;
    double *eps = calloc(n, sizeof *eps);
    for (int b = 0; p->eps && b < r->batch; b++)
        for (int c = 0; c < in.c; c++)
            for (size_t k = 0; k < area; k++)
                eps[((size_t)b * (size_t)in.c + (size_t)c) * area + k] =
                    (double)p->eps[((size_t)b * area + k) * (size_t)in.c + (size_t)c];
    ref_perturb_args a = {
        .n = r->batch,
        .c = in.c,
        .h = in.h,
        .w = in.w,
        .t = r->t,
        .clip = r->clip,
        .slope = 1,
        .c_feature = in.c / r->c_norm,
        .h_feature = in.h / r->h_norm,
        .noise = p->noise ? PERTURB_NOISE_SAMPLE : PERTURB_NOISE_NONE,
        .scale = p->scale,
        .batch_stats = 1,
        .eps = eps,
        .two_sided = 1,
    };
    ref_perturb(out.v, in.v, r->phi, &a, NULL, NULL);
    for (size_t k = 0; k < n; k++) out.v[k] = act(out.v[k], (ACTIVATION)p->act);
    free(eps);
    return out;
}

static void softmax_of(const ref_net *r, map in, map *out) {
    *out = new_map(r->batch, in.c, 1, 1);
    for (int b = 0; b < r->batch; b++) {
        double sum = 0, big = -INFINITY;
        for (int k = 0; k < in.c; k++) big = fmax(big, *at(in, b, k, 0, 0));
        for (int k = 0; k < in.c; k++) sum += exp(*at(in, b, k, 0, 0) - big);
        for (int k = 0; k < in.c; k++) *at(*out, b, k, 0, 0) = exp(*at(in, b, k, 0, 0) - big) / sum;
    }
}

static map run_layer(const ref_net *r, int i, map in, const map *maps) {
    const layer *l = &r->net->layers[i];
    map out;
    if (r->layers[i].is_perturb) return perturb(r, i, in);
    switch (l->type) {
    case CONVOLUTIONAL:
    case CONNECTED:
        out = l->type == CONVOLUTIONAL ? conv(r, i, in) : connected(r, i, in);
        norm_bias_act(r, i, out, l->batch_normalize, l->activation);
        return out;
    case MAXPOOL: return maxpool(r, i, in);
    case AVGPOOL: return avgpool(r, in);
    case SHORTCUT: return shortcut(r, i, in, maps[l->index]);
    case ROUTE: return route(r, i, maps);
    case UPSAMPLE: return upsample(r, i, in);
    case SOFTMAX: softmax_of(r, in, &out); return out;
    default: abort(); /* a test net may use only these */
    }
}

double ref_net_loss(const ref_net *r, const double *x, const double *truth, double *out) {
    const network *net = r->net;
    map *maps = calloc((size_t)net->n, sizeof *maps),
        in = {net->c, net->h, net->w, (double *)(size_t)x};
    double loss = 0;
    for (int i = 0; i < net->n; i++) maps[i] = run_layer(r, i, i ? maps[i - 1] : in, maps);
    map last = maps[net->n - 1];
    size_t n = (size_t)r->batch * (size_t)last.c * (size_t)last.h * (size_t)last.w;
    for (size_t k = 0; k < n; k++) loss -= truth[k] * log(last.v[k]);
    if (out) memcpy(out, last.v, n * sizeof *out);
    for (int i = 0; i < net->n; i++) free(maps[i].v);
    free(maps);
    return loss;
}
