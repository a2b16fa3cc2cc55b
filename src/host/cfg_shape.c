/* cfg_shape.c - the output and the weights of layers that compute, and what must fit for them. */
#include "host/cfg_walk.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

int cfg_output(cfg_walk *x, long long w, long long h, long long c) {
    if (w < 1 || h < 1 || c < 1)
        return FAIL(
            NULL,
            "gives a picture of %lld x %lld x %lld from %lld x %lld x %lld: its input is too small",
            w, h, c, x->in.w, x->in.h, x->in.c);
    if ((double)w * (double)h * (double)c * x->minibatch > INT_MAX)
        return FAIL(
            NULL,
            "%lld x %lld x %lld outputs times %.0f per mini-batch are more than the host can count",
            w, h, c, x->minibatch);
    x->shapes[x->layer] = (cfg_shape){.w = w, .h = h, .c = c, .outputs = w * h * c, .picture = 1};
    return 0;
}

int cfg_same(cfg_walk *x) {
    x->shapes[x->layer] = x->in;
    return 0;
}

int cfg_flat(cfg_walk *x, long long outputs) {
    if ((double)outputs * x->minibatch > INT_MAX)
        return FAIL(NULL, "%lld outputs times %.0f per mini-batch are more than the host can count",
                    outputs, x->minibatch);
    x->shapes[x->layer] = (cfg_shape){.w = 1, .h = 1, .c = outputs, .outputs = outputs};
    return 0;
}

int cfg_add_floats(cfg_walk *x, double n) {
    if (n > INT_MAX) return FAIL(NULL, "%.0f weights are more than the host can count", n);
    static const char *const off[] = {"dontsave", "dontload", "numload", "dontloadscales"};
    for (int i = 0; i < 4; i++) {
        if (cfg_num(x, off[i], 0)) x->floats = x->own = -1;
    }
    if (x->own >= 0) x->own = (long long)n;
    if (x->floats >= 0) x->floats += (long long)n;
    return 0;
}

double cfg_connected_floats(double in, double out, int bn) { return out * in + out * (bn ? 4 : 1); }

int cfg_shape_deconvolutional(cfg_walk *x) {
    long long n = cfg_num(x, "filters", 1), size = cfg_num(x, "size", 1),
              stride = cfg_num(x, "stride", 1);
    long long pad = cfg_num(x, "pad", 0) ? size / 2 : cfg_num(x, "padding", 0);
    if (cfg_output(x, (x->in.w - 1) * stride + size - 2 * pad,
                   (x->in.h - 1) * stride + size - 2 * pad, n))
        return -1;
    if (cfg_num(x, "numload", 0) > n)
        return FAIL("numload", "numload=%lld is more than filters=%lld", cfg_num(x, "numload", 0),
                    n);
    return cfg_add_floats(x, (double)x->in.c * (double)n * (double)(size * size) +
                                 (double)n * (cfg_num(x, "batch_normalize", 0) ? 4 : 1));
}

int cfg_shape_local(cfg_walk *x) {
    long long n = cfg_num(x, "filters", 1), size = cfg_num(x, "size", 1),
              stride = cfg_num(x, "stride", 1);
    long long cut = cfg_num(x, "pad", 0) ? 1 : size;
    if (x->in.w < cut || x->in.h < cut)
        return FAIL("size", "size=%lld is larger than its input of %lld x %lld", size, x->in.w,
                    x->in.h);
    if (cfg_output(x, (x->in.w - cut) / stride + 1, (x->in.h - cut) / stride + 1, n)) return -1;
    const cfg_shape *o = &x->shapes[x->layer];
    double places = (double)(o->w * o->h);
    return cfg_add_floats(x, (double)o->outputs +
                                 (double)x->in.c * (double)n * (double)(size * size) * places);
}

int cfg_shape_connected(cfg_walk *x) {
    long long n = cfg_num(x, "output", 1);
    if (cfg_output(x, 1, 1, n)) return -1;
    return cfg_add_floats(x, cfg_connected_floats((double)x->in.outputs, (double)n,
                                                  (int)cfg_num(x, "batch_normalize", 0)));
}

int cfg_referred(cfg_walk *x, const char *key, double value, int *layer) {
    double at = value < 0 ? x->layer + value : value;
    x->outside = at < 0 || at >= x->layer;
    if (at == x->layer) return FAIL(key, "%s=%.0f is the layer itself", key, value);
    if (at < 0 || at > x->layer)
        return FAIL(key, "%s=%.0f would be layer %.0f; only layers 0 to %d stand before it", key,
                    value, at, x->layer - 1);
    *layer = (int)at;
    return 0;
}

/* What weights_type= asks for; the numbers of weights of an input, 0: none. -1 and err. */
static int weights_of_sum(cfg_walk *x, long long *each) {
    const char *new = "weights_normalization", *old = "weights_normalizion",
               *type = cfg_get(x->c, x->sec, "weights_type"), *norm = cfg_get(x->c, x->sec, new);
    const char *key = norm ? new : old;
    if (norm && cfg_get(x->c, x->sec, old))
        return FAIL(old, "%s= is the same as %s=: give one of them", old, new);
    norm = cfg_get(x->c, x->sec, key);
    int weights = type && strcmp(type, "none"), normed = norm && strcmp(norm, "none");
    *each = !weights ? 0 : strcmp(type, "per_channel") ? 1 : x->in.c;
    if (normed && !weights)
        return FAIL(key, "%s=%s without weights_type= does nothing; remove it", key, norm);
    if (weights && !normed)
        return FAIL("weights_type",
                    "weights_type=%s needs weights_normalization=relu or softmax, also in the fork",
                    type);
    for (int i = 0; i < 2; i++) {
        const char *factor = i ? "beta" : "alpha";
        if (weights && cfg_get_num(x->c, x->sec, factor, 1) != 1)
            return FAIL(factor, "%s= does not go with weights_type=: the factors are learned",
                        factor);
    }
    return 0;
}

/* Layers of from= that this one may add: more than one (several), or with weights, only if their
 * size is the same. */
static int may_add(cfg_walk *x, double at, int several) {
    int from = 0;
    if (cfg_referred(x, "from", at, &from)) return -1;
    const cfg_shape *f = &x->shapes[from], *in = &x->in;
    if (!f->picture) return FAIL("from", "layer %d gives no picture that could be added", from);
    if (several && (f->w != in->w || f->h != in->h))
        return FAIL("from",
                    "layer %d is %lld x %lld, the layer before is %lld x %lld: several layers, or "
                    "layers with weights, are added only where width and height are the same",
                    from, f->w, f->h, in->w, in->h);
    /* The host asserts both of these, with whole-number division. */
    if (f->w / in->w != f->h / in->h || in->w / f->w != in->h / f->h)
        return FAIL("from",
                    "layer %d is %lld x %lld, the layer before is %lld x %lld: widths and heights "
                    "differ by "
                    "different factors",
                    from, f->w, f->h, in->w, in->h);
    return 0;
}

int cfg_shape_shortcut(cfg_walk *x) {
    const char *list = cfg_get(x->c, x->sec, "from");
    long long each = 0;
    if (!list) return FAIL(NULL, "%s", "from= is missing: which layer shall be added?");
    if (weights_of_sum(x, &each)) return -1;
    int n = cfg_list_length(list), bad = 0;
    double *at = malloc((size_t)n * sizeof *at);
    if (!at) return FAIL("from", "%s", "no memory to check the list");
    cfg_list(list, at, n);
    for (int i = 0; i < n && !bad; i++) bad = may_add(x, at[i], n > 1 || each > 0);
    free(at);
    if (bad) return -1;
    for (int i = 0; i < 2; i++) {
        const char *factor = i ? "beta" : "alpha";
        if (n > 1 && cfg_get_num(x->c, x->sec, factor, 1) != 1)
            return FAIL(factor, "%s= goes with one layer in from=, not with %d", factor, n);
    }
    return each && cfg_add_floats(x, (double)each * (n + 1)) ? -1 : cfg_same(x);
}

int cfg_shape_route(cfg_walk *x) {
    const char *list = cfg_get(x->c, x->sec, "layers");
    if (!list) return FAIL(NULL, "%s", "layers= is missing: which layers shall be joined?");
    int n = cfg_list_length(list), from = 0;
    double *at = malloc((size_t)n * sizeof *at);
    if (!at) return FAIL("layers", "%s", "no memory to check the list");
    cfg_list(list, at, n);
    long long groups = cfg_num(x, "groups", 1), id = cfg_num(x, "group_id", 0);
    cfg_shape sum = {.picture = 1};
    int bad = 0;
    for (int i = 0; i < n && !bad; i++) {
        if ((bad = cfg_referred(x, "layers", at[i], &from))) break;
        const cfg_shape *f = &x->shapes[from];
        if (i == 0)
            sum.w = f->w, sum.h = f->h;
        else if (f->w != sum.w || f->h != sum.h)
            bad = FAIL(
                "layers",
                "layer %d is %lld x %lld but the first is %lld x %lld: they cannot be joined", from,
                f->w, f->h, sum.w, sum.h);
        if (!bad && f->c % groups)
            bad = FAIL("groups", "groups=%lld does not divide the %lld channels of layer %d",
                       groups, f->c, from);
        sum.picture &= f->picture;
        sum.c += f->c / groups;
    }
    free(at);
    if (bad) return -1;
    if (id >= groups) return FAIL("group_id", "group_id=%lld is not below groups=%lld", id, groups);
    if (groups > 1 && !sum.picture)
        return FAIL("groups", "%s", "groups= needs layers that give pictures");
    return sum.picture ? cfg_output(x, sum.w, sum.h, sum.c) : cfg_flat(x, sum.w * sum.h * sum.c);
}

/* Factors in the layer before, a map in from=, whose shape the output has. */
static int product(cfg_walk *x, int all, int wh) {
    int from = 0;
    if (!cfg_get(x->c, x->sec, "from"))
        return FAIL(NULL, "%s", "from= is missing: which layer shall be multiplied?");
    if (cfg_referred(x, "from", (double)cfg_num(x, "from", 0), &from)) return -1;
    const cfg_shape *f = &x->shapes[from], *in = &x->in;
    int same_c = in->c == f->c, same_wh = in->w == f->w && in->h == f->h;
    int fits = all  ? same_c && same_wh
               : wh ? in->c == 1 && same_wh
                    : same_c && in->w == 1 && in->h == 1;
    if (!fits)
        return FAIL("from",
                    "the layer before is %lld x %lld x %lld, layer %d is %lld x %lld x %lld: %s",
                    in->w, in->h, in->c, from, f->w, f->h, f->c,
                    all  ? "they must have the same shape"
                    : wh ? "with scale_wh=1 the first must have one channel and the second's size"
                         : "the first must be 1 x 1 with as many channels as the second");
    return cfg_output(x, f->w, f->h, f->c);
}

int cfg_shape_scale_channels(cfg_walk *x) { return product(x, 0, cfg_num(x, "scale_wh", 0) != 0); }
int cfg_shape_sam(cfg_walk *x) { return product(x, 1, 0); }

/* One number for each channel of the layer before, in from=. */
int cfg_shape_channels(cfg_walk *x) {
    int from = 0;
    if (!cfg_get(x->c, x->sec, "from"))
        return FAIL(NULL, "%s", "from= is missing: which layer has a number for each channel?");
    if (cfg_referred(x, "from", (double)cfg_num(x, "from", 0), &from)) return -1;
    const cfg_shape *f = &x->shapes[from], *in = &x->in;
    if (f->w != 1 || f->h != 1 || f->c != in->c)
        return FAIL(
            "from",
            "layer %d is %lld x %lld x %lld; it must be 1 x 1 with the %lld channels of the "
            "layer before",
            from, f->w, f->h, f->c, in->c);
    return cfg_same(x);
}

int cfg_shape_implicit(cfg_walk *x) {
    long long c = cfg_num(x, "filters", 128), h = cfg_num(x, "atoms", 1);
    if (cfg_output(x, 1, h, c)) return -1;
    return cfg_add_floats(x, (double)c * (double)h);
}

int cfg_shape_upsample(cfg_walk *x) {
    long long s = cfg_num(x, "stride", 2);
    if (s == 0) return FAIL("stride", "%s", "stride=0 is out of range: 2 doubles, -2 halves");
    return s > 0 ? cfg_output(x, x->in.w * s, x->in.h * s, x->in.c)
                 : cfg_output(x, x->in.w / -s, x->in.h / -s, x->in.c);
}

int cfg_shape_reorg(cfg_walk *x) {
    long long s = cfg_num(x, "stride", 1);
    if (cfg_num(x, "extra", 0)) return cfg_flat(x, x->in.outputs + cfg_num(x, "extra", 0));
    int divides = x->in.c % (s * s) == 0, reverse = cfg_num(x, "reverse", 0) != 0;
    if (!reverse && (x->in.w % s || x->in.h % s))
        return FAIL("stride", "stride=%lld does not divide the input of %lld x %lld", s, x->in.w,
                    x->in.h);
    /* Both ways the host divides by what is left of the channels, be it 0. */
    if (!divides && (reverse || !cfg_num(x, "flatten", 0)))
        return FAIL("stride", "stride=%lld: %lld channels cannot be divided by %lld", s, x->in.c,
                    s * s);
    if (reverse) return cfg_output(x, x->in.w * s, x->in.h * s, x->in.c / (s * s));
    return cfg_output(x, x->in.w / s, x->in.h / s, x->in.c * s * s);
}

int cfg_shape_crop(cfg_walk *x) {
    long long h = cfg_num(x, "crop_height", 1), w = cfg_num(x, "crop_width", 1);
    if (w > x->in.w || h > x->in.h)
        return FAIL("crop_width", "%lld x %lld cannot be cut out of %lld x %lld", w, h, x->in.w,
                    x->in.h);
    return cfg_output(x, w, h, x->in.c);
}

int cfg_shape_avgpool(cfg_walk *x) { return cfg_output(x, 1, 1, x->in.c); }

int cfg_shape_batchnorm(cfg_walk *x) {
    return cfg_add_floats(x, 3 * (double)x->in.c) ? -1 : cfg_same(x);
}

int cfg_shape_same(cfg_walk *x) { return cfg_same(x); }
int cfg_shape_flat(cfg_walk *x) { return cfg_flat(x, x->in.outputs); }

int cfg_shape_dropout(cfg_walk *x) {
    int rel = cfg_get(x->c, x->sec, "dropblock_size_rel") != NULL,
        abs = cfg_get(x->c, x->sec, "dropblock_size_abs") != NULL;
    if (x->layer == 0)
        return FAIL(NULL, "%s",
                    "cannot be the first layer: it works on the output of the one before");
    if (rel && abs)
        return FAIL("dropblock_size_rel", "%s",
                    "dropblock_size_rel and dropblock_size_abs: give one of them");
    const char *size = rel ? "dropblock_size_rel" : "dropblock_size_abs";
    if ((rel || abs) && !cfg_get(x->c, x->sec, "dropblock"))
        return FAIL(size, "%s without dropblock=1 does nothing; add it", size);
    if (cfg_num(x, "dropblock", 0) && !x->in.picture)
        return FAIL("dropblock", "%s",
                    "dropblock=1 needs a picture (width, height, channels), but what comes before "
                    "gives none");
    if (cfg_num(x, "dropblock", 0) && !x->dropblock) x->dropblock = x->sec;
    return cfg_same(x);
}

int cfg_shape_perturb(cfg_walk *x) {
    const char *noise = cfg_get(x->c, x->sec, "noise"), *scale = cfg_get(x->c, x->sec, "scale");
    int gaussian = noise && !strcmp(noise, "gaussian");
    if (x->layer == 0)
        return FAIL(NULL, "%s",
                    "cannot be the first layer: it perturbs the output of the one before");
    if (!gaussian && cfg_get(x->c, x->sec, "sd"))
        return FAIL("sd", "%s", "sd= belongs to noise=gaussian alone");
    if (gaussian && scale && strcmp(scale, "0"))
        return FAIL("scale", "%s", "noise=gaussian has no scale; remove the line");
    return cfg_same(x);
}
