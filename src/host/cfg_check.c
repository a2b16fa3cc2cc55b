/* cfg_check.c - what takes more than one value: required keys, references between layers, and the
 * shape of every layer, followed from [net] to the end by the host's own arithmetic. Shapes and the
 * size of the weights file come from the same walk. */
#include "host/cfg_keys.h"
#include "host/cfg_dialect.h"
#include "host/cfg_named.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    long long w, h, c, outputs;
    int picture, guess, section;
    long long floats;
} shape; /* guess: behind a layer with a problem */

typedef struct {
    const cfg_file *c;
    char *err;
    shape *shapes;  /* of the layers so far */
    int layer, sec; /* Darknet's index, index in c->sections */
    shape in;
    double minibatch;      /* pictures (times time steps) that the host allocates for */
    long long floats, own; /* of the weights so far, and of this layer; -1: unknown */
    int recurrent, perturbs, meta,
        dropblock;               /* the last three: the section where the first one stands */
    FILE *all;                   /* tell every problem there and go on */
    int found, outside, guesses; /* problems told; this one is a reference to no layer; layers with
                                    a guessed shape */
} walk;

static long long num(const walk *x, const char *key, double def) {
    return (long long)cfg_get_num(x->c, x->sec, key, def);
}

static const cfg_section *section(const walk *x) { return &x->c->sections[x->sec]; }

#define FAIL(key, fmt, ...)                                                          \
    cfg_fail(x->err, x->c, key ? cfg_key_line(x->c, x->sec, key) : section(x)->line, \
             "[%s] (layer %d) " fmt, section(x)->type, x->layer, __VA_ARGS__)

static int take_net(walk *x) {
    cfg_input in = {0};
    int bad = cfg_check_net(x->c, &in,
                            x->err); /* what it found before a problem holds: the walk may go on */
    x->minibatch = in.minibatch;
    /* No side is ever 0, as layers divide by them: not of a plain vector, and not of what a refused
     * [net] leaves open. */
    x->in = (shape){.w = 1, .h = 1, .c = in.inputs > 0 ? in.inputs : 1, .outputs = in.inputs};
    if (in.picture)
        x->in = (shape){.w = in.w, .h = in.h, .c = in.c, .outputs = in.inputs, .picture = 1};
    return bad;
}

/* ---- results of a layer ---- */

static int output(walk *x, long long w, long long h, long long c) {
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
    x->shapes[x->layer] = (shape){.w = w, .h = h, .c = c, .outputs = w * h * c, .picture = 1};
    return 0;
}

static int same(walk *x) {
    x->shapes[x->layer] = x->in;
    return 0;
}

/* Outputs without a picture size, as the host leaves them. */
static int flat(walk *x, long long outputs) {
    if ((double)outputs * x->minibatch > INT_MAX)
        return FAIL(NULL, "%lld outputs times %.0f per mini-batch are more than the host can count",
                    outputs, x->minibatch);
    x->shapes[x->layer] = (shape){.w = 1, .h = 1, .c = outputs, .outputs = outputs};
    return 0;
}

static int add_floats(walk *x, double n) {
    if (n > INT_MAX) return FAIL(NULL, "%.0f weights are more than the host can count", n);
    static const char *const off[] = {"dontsave", "dontload", "numload", "dontloadscales"};
    for (int i = 0; i < 4; i++) {
        if (num(x, off[i], 0)) x->floats = x->own = -1;
    }
    if (x->own >= 0) x->own = (long long)n;
    if (x->floats >= 0) x->floats += (long long)n;
    return 0;
}

static double connected_floats(double in, double out, int bn) {
    return out * in + out * (bn ? 4 : 1);
}

/* ---- layers ---- */

static int convolution(walk *x) {
    long long n = num(x, "filters", 1), size = num(x, "size", 1), stride = num(x, "stride", 1),
              groups = num(x, "groups", 1);
    long long pad = num(x, "pad", 0) ? size / 2 : num(x, "padding", 0);
    if (x->in.c % groups || n % groups)
        return FAIL("groups",
                    "groups=%lld must divide the %lld input channels and the %lld filters", groups,
                    x->in.c, n);
    if (x->in.w + 2 * pad < size || x->in.h + 2 * pad < size)
        return FAIL("size", "size=%lld is larger than its input of %lld x %lld, padding included",
                    size, x->in.w + 2 * pad, x->in.h + 2 * pad);
    if (output(x, (x->in.w + 2 * pad - size) / stride + 1, (x->in.h + 2 * pad - size) / stride + 1,
               n))
        return -1;
    if (num(x, "numload", 0) > n)
        return FAIL("numload", "numload=%lld is more than filters=%lld", num(x, "numload", 0), n);
    double per = (double)(x->in.c / groups) * (double)n * (double)(size * size);
    return add_floats(x, per + (double)n * (num(x, "batch_normalize", 0) ? 4 : 1));
}

static int deconvolution(walk *x) {
    long long n = num(x, "filters", 1), size = num(x, "size", 1), stride = num(x, "stride", 1);
    long long pad = num(x, "pad", 0) ? size / 2 : num(x, "padding", 0);
    if (output(x, (x->in.w - 1) * stride + size - 2 * pad, (x->in.h - 1) * stride + size - 2 * pad,
               n))
        return -1;
    if (num(x, "numload", 0) > n)
        return FAIL("numload", "numload=%lld is more than filters=%lld", num(x, "numload", 0), n);
    return add_floats(x, (double)x->in.c * (double)n * (double)(size * size) +
                             (double)n * (num(x, "batch_normalize", 0) ? 4 : 1));
}

static int local_layer(walk *x) {
    long long n = num(x, "filters", 1), size = num(x, "size", 1), stride = num(x, "stride", 1);
    long long cut = num(x, "pad", 0) ? 1 : size;
    if (x->in.w < cut || x->in.h < cut)
        return FAIL("size", "size=%lld is larger than its input of %lld x %lld", size, x->in.w,
                    x->in.h);
    if (output(x, (x->in.w - cut) / stride + 1, (x->in.h - cut) / stride + 1, n)) return -1;
    const shape *o = &x->shapes[x->layer];
    double places = (double)(o->w * o->h);
    return add_floats(x, (double)o->outputs +
                             (double)x->in.c * (double)n * (double)(size * size) * places);
}

static int connected(walk *x) {
    long long n = num(x, "output", 1);
    if (output(x, 1, 1, n)) return -1;
    return add_floats(
        x, connected_floats((double)x->in.outputs, (double)n, (int)num(x, "batch_normalize", 0)));
}

static int maxpool(walk *x) {
    long long stride = num(x, "stride", 1), size = num(x, "size", (double)stride);
    long long padding = num(x, "padding", (double)(size - 1));
    if (x->in.w + padding < size || x->in.h + padding < size)
        return FAIL("size", "size=%lld is larger than its input of %lld x %lld, padding included",
                    size, x->in.w + padding, x->in.h + padding);
    return output(x, (x->in.w + padding - size) / stride + 1,
                  (x->in.h + padding - size) / stride + 1, x->in.c);
}

/* Darknet's index of the layer that a number in from= or layers= means; -1 and err if there is none
 * before this one. */
static int referred(walk *x, const char *key, double value, int *layer) {
    double at = value < 0 ? x->layer + value : value;
    x->outside = at < 0 || at >= x->layer;
    if (at == x->layer) return FAIL(key, "%s=%.0f is the layer itself", key, value);
    if (at < 0 || at > x->layer)
        return FAIL(key, "%s=%.0f would be layer %.0f; only layers 0 to %d stand before it", key,
                    value, at, x->layer - 1);
    *layer = (int)at;
    return 0;
}

static int shortcut(walk *x) {
    int from;
    if (!cfg_get(x->c, x->sec, "from"))
        return FAIL(NULL, "%s", "from= is missing: which layer shall be added?");
    if (referred(x, "from", (double)num(x, "from", 0), &from)) return -1;
    const shape *f = &x->shapes[from], *in = &x->in;
    if (!f->picture) return FAIL("from", "layer %d gives no picture that could be added", from);
    /* The host asserts both of these, with whole-number division. */
    if (f->w / in->w != f->h / in->h || in->w / f->w != in->h / f->h)
        return FAIL(
            "from",
            "layer %d is %lld x %lld, the layer before is %lld x %lld: widths and heights differ by "
            "different factors",
            from, f->w, f->h, in->w, in->h);
    return same(x);
}

static int route(walk *x) {
    const char *list = cfg_get(x->c, x->sec, "layers");
    if (!list) return FAIL(NULL, "%s", "layers= is missing: which layers shall be joined?");
    int n = cfg_list_length(list), from;
    double *at = malloc((size_t)n * sizeof *at);
    if (!at) return FAIL("layers", "%s", "no memory to check the list");
    cfg_list(list, at, n);
    shape sum = {.picture = 1};
    int bad = 0;
    for (int i = 0; i < n && !bad; i++) {
        if ((bad = referred(x, "layers", at[i], &from))) break;
        const shape *f = &x->shapes[from];
        if (i == 0)
            sum.w = f->w, sum.h = f->h;
        else if (f->w != sum.w || f->h != sum.h)
            bad = FAIL(
                "layers",
                "layer %d is %lld x %lld but the first is %lld x %lld: they cannot be joined", from,
                f->w, f->h, sum.w, sum.h);
        sum.picture &= f->picture;
        sum.c += f->c;
    }
    free(at);
    if (bad) return -1;
    return sum.picture ? output(x, sum.w, sum.h, sum.c) : flat(x, sum.w * sum.h * sum.c);
}

static int upsample(walk *x) {
    long long s = num(x, "stride", 2);
    if (s == 0) return FAIL("stride", "%s", "stride=0 is out of range: 2 doubles, -2 halves");
    return s > 0 ? output(x, x->in.w * s, x->in.h * s, x->in.c)
                 : output(x, x->in.w / -s, x->in.h / -s, x->in.c);
}

static int reorg(walk *x) {
    long long s = num(x, "stride", 1);
    if (num(x, "extra", 0)) return flat(x, x->in.outputs + num(x, "extra", 0));
    int divides = x->in.c % (s * s) == 0, reverse = num(x, "reverse", 0) != 0;
    if (!reverse && (x->in.w % s || x->in.h % s))
        return FAIL("stride", "stride=%lld does not divide the input of %lld x %lld", s, x->in.w,
                    x->in.h);
    /* Both ways the host divides by what is left of the channels, be it 0. */
    if (!divides && (reverse || !num(x, "flatten", 0)))
        return FAIL("stride", "stride=%lld: %lld channels cannot be divided by %lld", s, x->in.c,
                    s * s);
    if (reverse) return output(x, x->in.w * s, x->in.h * s, x->in.c / (s * s));
    return output(x, x->in.w / s, x->in.h / s, x->in.c * s * s);
}

static int crop(walk *x) {
    long long h = num(x, "crop_height", 1), w = num(x, "crop_width", 1);
    if (w > x->in.w || h > x->in.h)
        return FAIL("crop_width", "%lld x %lld cannot be cut out of %lld x %lld", w, h, x->in.w,
                    x->in.h);
    return output(x, w, h, x->in.c);
}

/* The file that tree= or map= names, if the layer has such a key. */
static int named(walk *x, const char *key, int (*check)(const char *, long long, char *),
                 long long classes) {
    char why[ERR_LEN];
    const char *path = cfg_get(x->c, x->sec, key);
    return path && check(path, classes, why) ? FAIL(key, "%s=%.200s: %.500s", key, path, why) : 0;
}

static int softmax(walk *x) {
    long long groups = num(x, "groups", 1);
    if (x->in.outputs % groups)
        return FAIL("groups", "groups=%lld does not divide the %lld inputs", groups, x->in.outputs);
    if (named(x, "tree", cfg_tree_check, x->in.outputs / groups)) return -1;
    return flat(x, x->in.outputs);
}

/* ---- detectors ---- */

static int check_anchors(walk *x, long long numbers) {
    const char *anchors = cfg_get(x->c, x->sec, "anchors");
    if (anchors && cfg_list_length(anchors) != numbers)
        return FAIL("anchors", "%d numbers in anchors=; num=%lld needs %lld",
                    cfg_list_length(anchors), num(x, "num", 1), numbers);
    return 0;
}

static int check_channels(walk *x, long long need, const char *sum) {
    if (x->in.c == need) return 0;
    int before = x->sec - 1;
    while (before > 0 && cfg_kind_find(x->c->sections[before].type)->id == CFG_S_META_SHARED)
        before--;
    int conv = before > 0 && cfg_kind_find(x->c->sections[before].type)->id == CFG_S_CONVOLUTIONAL;
    return FAIL(NULL, "needs %s = %lld channels but gets %lld; set filters=%lld%s", sum, need,
                x->in.c, need,
                conv ? " in the [convolutional] before it" : " in the layer that feeds it");
}

/* Keys of the fork that do nothing as they stand, or do not go together. */
static int check_dialect(walk *x, long long classes) {
    const cfg_file *c = x->c;
    const char *counters = cfg_get(c, x->sec, "counters_per_class");
    if (counters && cfg_list_length(counters) != classes)
        return FAIL("counters_per_class",
                    "%d counters, but classes=%lld: there must be one a class",
                    cfg_list_length(counters), classes);
    if (cfg_get(c, x->sec, "map") && cfg_yolo_dialect(c))
        return FAIL(
            "map", "%s",
            "map= is done by the host's own head alone, which does not know the keys of the "
            "AlexeyAB fork: remove map= and number the classes in the label files");
    if (cfg_get(c, x->sec, "map") && num(x, "max", 90) != 90)
        return FAIL("max", "%s", "max= does not go with map=: remove one of the two");
    return 0;
}

static int yolo(walk *x) {
    long long classes = num(x, "classes", 20), total = num(x, "num", 1), n = total;
    const char *mask = cfg_get(x->c, x->sec, "mask");
    if (mask) {
        double m[1000];
        n = cfg_list(mask, m, 1000);
        if (n > total) return FAIL("mask", "%lld masks, but num=%lld", n, total);
        for (int i = 0; i < n; i++) {
            if (m[i] >= total) return FAIL("mask", "mask %.0f is not below num=%lld", m[i], total);
        }
    }
    if (check_dialect(x, classes) || check_anchors(x, 2 * total)) return -1;
    if (check_channels(x, n * (classes + 5), "masks x (classes + 5)")) return -1;
    return named(x, "map", cfg_map_check, classes) ? -1 : same(x);
}

static int region(walk *x) {
    long long classes = num(x, "classes", 20), coords = num(x, "coords", 4), n = num(x, "num", 1);
    if (num(x, "max", 30) != 30)
        return FAIL(
            "max",
            "max=%lld: this Darknet has room for exactly 30 boxes a picture; remove the line",
            num(x, "max", 30));
    if (check_anchors(x, 2 * n) || named(x, "tree", cfg_tree_check, classes) ||
        named(x, "map", cfg_map_check, classes))
        return -1;
    return check_channels(x, n * (classes + coords + 1), "num x (classes + coords + 1)") ? -1
                                                                                         : same(x);
}

static int detection(walk *x) {
    long long side = num(x, "side", 7), n = num(x, "num", 1);
    long long need = side * side * ((1 + num(x, "coords", 1)) * n + num(x, "classes", 1));
    if (need != x->in.outputs)
        return FAIL(
            NULL, "needs side x side x ((1 + coords) x num + classes) = %lld inputs but gets %lld",
            need, x->in.outputs);
    return flat(x, x->in.outputs);
}

static int iseg(walk *x) {
    if (check_channels(x, num(x, "classes", 20) + num(x, "ids", 32), "classes + ids")) return -1;
    return same(x);
}

/* ---- recurrent ---- */

static int recurrent(walk *x, int from_input, int from_self) {
    long long n = num(x, "output", 1);
    int bn = (int)num(x, "batch_normalize", 0);
    x->recurrent = 1;
    if (cfg_get(x->c, x->sec, "hidden") && num(x, "hidden", 0) != n)
        return FAIL(
            "hidden",
            "hidden=%lld but output=%lld: this Darknet's [rnn] has as many hidden units as outputs",
            num(x, "hidden", 0), n);
    if (flat(x, n)) return -1;
    return add_floats(x, from_input * connected_floats((double)x->in.outputs, (double)n, bn) +
                             from_self * connected_floats((double)n, (double)n, bn));
}

static int crnn(walk *x) {
    double out = (double)num(x, "output_filters", 1), hidden = (double)num(x, "hidden_filters", 1),
           in = (double)x->in.c;
    double per = num(x, "batch_normalize", 0) ? 4 : 1;
    x->recurrent = 1;
    if (output(x, x->in.h, x->in.w, (long long)out))
        return -1; /* the host mistakes width for height here */
    return add_floats(x, 9 * hidden * (in + hidden + out) + per * (2 * hidden + out));
}

/* ---- the walk ---- */

static int dropout(walk *x) {
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
    if (num(x, "dropblock", 0) && !x->in.picture)
        return FAIL(
            "dropblock", "%s",
            "dropblock=1 needs a picture (width, height, channels), but what comes before gives none");
    if (num(x, "dropblock", 0) && !x->dropblock) x->dropblock = x->sec;
    return same(x);
}

static int perturb(walk *x) {
    const char *noise = cfg_get(x->c, x->sec, "noise"), *scale = cfg_get(x->c, x->sec, "scale");
    int gaussian = noise && !strcmp(noise, "gaussian");
    if (x->layer == 0)
        return FAIL(NULL, "%s",
                    "cannot be the first layer: it perturbs the output of the one before");
    if (!gaussian && cfg_get(x->c, x->sec, "sd"))
        return FAIL("sd", "%s", "sd= belongs to noise=gaussian alone");
    if (gaussian && scale && strcmp(scale, "0"))
        return FAIL("scale", "%s", "noise=gaussian has no scale; remove the line");
    return same(x);
}

static int layer_of(walk *x, const cfg_kind *k) {
    switch (k->id) {
    case CFG_S_CONVOLUTIONAL: return convolution(x);
    case CFG_S_DECONVOLUTIONAL: return deconvolution(x);
    case CFG_S_CONNECTED: return connected(x);
    case CFG_S_LOCAL: return local_layer(x);
    case CFG_S_MAXPOOL: return maxpool(x);
    case CFG_S_AVGPOOL: return output(x, 1, 1, x->in.c);
    case CFG_S_SHORTCUT: return shortcut(x);
    case CFG_S_ROUTE: return route(x);
    case CFG_S_UPSAMPLE: return upsample(x);
    case CFG_S_REORG: return reorg(x);
    case CFG_S_CROP: return crop(x);
    case CFG_S_SOFTMAX: return softmax(x);
    case CFG_S_COST: return flat(x, x->in.outputs);
    case CFG_S_DROPOUT: return dropout(x);
    case CFG_S_BATCHNORM: return add_floats(x, 3 * (double)x->in.c) ? -1 : same(x);
    case CFG_S_YOLO: return yolo(x);
    case CFG_S_REGION: return region(x);
    case CFG_S_DETECTION: return detection(x);
    case CFG_S_ISEG: return iseg(x);
    case CFG_S_RNN: return recurrent(x, 1, 2);
    case CFG_S_GRU: return recurrent(x, 3, 3);
    case CFG_S_LSTM: return recurrent(x, 4, 4);
    case CFG_S_CRNN: return crnn(x);
    case CFG_S_PERTURB: return perturb(x);
    default: return same(x);
    }
}

static int one_section(walk *x) {
    const cfg_kind *k = cfg_kind_find(section(x)->type);
    if (k->id == CFG_S_NET)
        return cfg_fail(x->err, x->c, section(x)->line,
                        "a second [net]: only the first section may be [net]");
    if (k->id == CFG_S_META_SHARED) {
        if (x->meta)
            return cfg_fail(x->err, x->c, section(x)->line,
                            "a second [meta_shared], the first is in line %d: "
                            "all [perturb] layers share one",
                            x->c->sections[x->meta].line);
        x->meta = x->sec;
        const char *phi = cfg_get(x->c, x->sec, "phi");
        if (phi && strlen(phi) + strlen(x->c->path) > 4095)
            return cfg_fail(x->err, x->c, cfg_key_line(x->c, x->sec, "phi"),
                            "[meta_shared] phi=: the path is too long");
        return 0;
    }
    if (k->id == CFG_S_PERTURB && !x->perturbs) x->perturbs = x->sec;
    if (k->picture && !x->in.picture)
        return FAIL(NULL,
                    "needs a picture (width, height, channels), but what comes before gives none%s",
                    x->layer == 0 ? ": give them in [net]" : "");
    return layer_of(x, k);
}

/* The sentence in err: refused with it, or told and gone on. */
static int tell(walk *x, int consequence) {
    if (!x->all) return -1;
    if (consequence) return 0;
    fprintf(x->all, "%s\n", x->err);
    x->found++;
    return 0;
}

/* What a layer may give that could not be followed. */
static shape guess(const walk *x) {
    long long c = num(x, "filters", (double)x->in.c);
    return (shape){.w = x->in.w,
                   .h = x->in.h,
                   .c = c,
                   .outputs = x->in.w * x->in.h * c,
                   .picture = x->in.picture,
                   .guess = 1};
}

static int next_section(walk *x) {
    cfg_section_id id = cfg_kind_find(section(x)->type)->id;
    int joins = id == CFG_S_ROUTE || id == CFG_S_SHORTCUT,
        suspect = x->in.guess || (joins && x->guesses);
    int is_layer = id != CFG_S_META_SHARED && id != CFG_S_NET;
    x->outside = 0;
    x->own = 0;
    int bad = one_section(x);
    if (bad && tell(x, section(x)->refused || (suspect && !x->outside))) return -1;
    if (!is_layer) return 0;
    if (bad)
        x->shapes[x->layer] = guess(x);
    else
        x->shapes[x->layer].guess = suspect || section(x)->refused;
    x->shapes[x->layer].section = x->sec;
    x->shapes[x->layer].floats = x->own;
    x->guesses += x->shapes[x->layer].guess;
    x->in = x->shapes[x->layer++];
    return 0;
}

static int walk_all(walk *x) {
    const cfg_file *c = x->c;
    if (c->n == 0)
        return cfg_fail(x->err, c, 0,
                        "the file is empty: a cfg starts with [net] and lists its layers");
    if (cfg_kind_find(c->sections[0].type)->id != CFG_S_NET)
        return cfg_fail(x->err, c, c->sections[0].line, "the first section must be [net], not [%s]",
                        c->sections[0].type);
    if (take_net(x)) {
        if (tell(x, c->sections[0].refused)) return -1;
        x->in.picture = x->in.guess = 1;
    }
    for (x->sec = 1; x->sec < c->n; x->sec++) {
        if (next_section(x)) return -1;
    }
    int others = 0;
    for (int i = 1; i < c->n; i++) {
        cfg_section_id id = cfg_kind_find(c->sections[i].type)->id;
        others += id != CFG_S_COST && id != CFG_S_META_SHARED;
    }
    if (!others)
        return cfg_fail(x->err, c, 0,
                        "no layers: behind [net] there must be at least one that is not [cost]");
    if (x->perturbs && !x->meta)
        return cfg_fail(x->err, c, c->sections[x->perturbs].line,
                        "[perturb] needs a [meta_shared] section, which holds its "
                        "weights phi; add one behind [net]");
    if (x->perturbs && x->recurrent)
        return cfg_fail(x->err, c, c->sections[x->perturbs].line,
                        "[perturb] cannot stand in a network with recurrent layers");
    if (x->dropblock && x->recurrent)
        return cfg_fail(x->err, c, cfg_key_line(c, x->dropblock, "dropblock"),
                        "[dropout] dropblock=1 cannot stand in a network with recurrent layers");
    return 0;
}

/* Values too: cfg_set may have changed them since the file was read. */
static int check_values(const cfg_file *c, char *err) {
    for (int i = 0; i < c->n; i++) {
        const cfg_kind *k = cfg_kind_find(c->sections[i].type);
        for (int j = 0; j < c->sections[i].n; j++) {
            const cfg_option *o = &c->sections[i].options[j];
            const cfg_key *key = cfg_key_find(k, o->key);
            if (!key) return cfg_fail_key(err, c, o->line, k, o->key);
            if (cfg_check_value(c, k, key, o, err)) return -1;
        }
    }
    return 0;
}

static void warn(const walk *x) {
    if (x->meta && !x->perturbs)
        fprintf(stderr,
                "%s:%d: warning: [meta_shared] without any [perturb] layer: nothing is perturbed\n",
                x->c->path, x->c->sections[x->meta].line);
}

int cfg_check_all(const cfg_file *c, FILE *out) {
    char err[ERR_LEN];
    walk x = {.c = c, .err = err, .shapes = calloc((size_t)c->n + 1, sizeof(shape)), .all = out};
    if (!x.shapes) cfg_fail(err, c, 0, "no memory to check the cfg");
    if (!x.shapes || walk_all(&x)) { /* what walk_all says of the file as a whole */
        fprintf(out, "%s\n", err);
        x.found++;
    }
    free(x.shapes);
    if (!x.found) warn(&x);
    cfg_warn_training(c);
    return x.found;
}

static int run(walk *x, const cfg_file *c, char *err) {
    *x = (walk){.c = c, .err = err, .shapes = calloc((size_t)c->n + 1, sizeof(shape))};
    if (!x->shapes) return cfg_fail(err, c, 0, "no memory to check the cfg");
    return check_values(c, err) ? -1 : walk_all(x);
}

int cfg_check(const cfg_file *c, char *err) {
    walk x;
    int bad = run(&x, c, err);
    free(x.shapes);
    if (!bad) warn(&x);
    return bad;
}

int cfg_layer_count(const cfg_file *c) {
    int n = -1;
    for (int i = 0; i < c->n; i++) n += strcmp(c->sections[i].type, "meta_shared") != 0;
    return n;
}

int cfg_layer_shape(const cfg_file *c, int layer, int *w, int *h, int *ch) {
    char err[ERR_LEN];
    walk x;
    int bad = layer < 0 || layer >= cfg_layer_count(c) ? -1 : 0;
    if (bad) return -1;
    if (!(bad = run(&x, c, err))) {
        *w = (int)x.shapes[layer].w;
        *h = (int)x.shapes[layer].h;
        *ch = (int)x.shapes[layer].c;
    }
    free(x.shapes);
    return bad;
}

int cfg_get_layers(const cfg_file *c, cfg_layer *out, char *err) {
    walk x;
    int bad = run(&x, c, err);
    for (int i = 0; !bad && i < x.layer; i++) {
        const shape *s = &x.shapes[i];
        out[i] = (cfg_layer){cfg_kind_find(c->sections[s->section].type)->name, (int)s->w,
                             (int)s->h, (int)s->c, s->floats};
    }
    free(x.shapes);
    return bad;
}

long long cfg_weight_floats(const cfg_file *c) {
    char err[ERR_LEN];
    walk x;
    long long n = run(&x, c, err) ? -1 : x.floats;
    free(x.shapes);
    return n;
}
