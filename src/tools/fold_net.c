/* fold_net.c - see fold_net.h and fold.h. */
#include "tools/fold_net.h"
#include "engine/mode.h"
#include "ops/batch_norm.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the plan ---- */

static int type_is(const cfg_file *c, int section, const char *type) {
    return !strcmp(c->sections[section].type, type);
}

/* Is the layer read by a [route] or [shortcut], not by the next layer alone? */
static int read_elsewhere(const network *net, int at) {
    for (int i = 0; i < net->n; i++)
        if (host_reads(net, i, at)) return 1;
    return 0;
}

static int takes_factors(const cfg_file *c, const network *net, int section, int at) {
    const layer *l = &net->layers[at];
    const char *a = cfg_get(c, section, "activation");
    if (l->type != CONVOLUTIONAL && l->type != CONNECTED) return 0;
    /* The factors are of this layer alone, and what is added is the same at the border of a blur.
     */
    if (cfg_get_geometry(c, section).antialiasing || cfg_get_owner(c, section) >= 0 ||
        cfg_is_shared(c, at))
        return 0;
    return a && !strcmp(a, "linear") && !l->binary && !l->xnor && !read_elsewhere(net, at);
}

static int refused(const network *net, const cfg_file *c, char *err) {
    for (int i = 0; i < net->n; i++) {
        LAYER_TYPE t = net->layers[i].type;
        if (t != BATCHNORM && t != DECONVOLUTIONAL) continue;
        fail(err, "%s: layer %d is [%s], which Darknet's own code %s: it cannot be folded", c->path,
             i, t == BATCHNORM ? "batchnorm" : "deconvolutional",
             t == BATCHNORM ? "cannot run" : "cannot store");
        return 1;
    }
    for (int i = 1; i < c->n; i++) {
        int owner = cfg_get_owner(c, i);
        if (owner < 0 || !cfg_get_num(c, i, "batch_normalize", 0)) continue;
        fail(err,
             "%s:%d: shares the batch norm of layer %d (share_index=), whose statistics cannot "
             "be collected for two layers at once: it cannot be folded",
             c->path, c->sections[i].line, owner);
        return 1;
    }
    return 0;
}

static int add_place(fold_plan *p, int section, int apart) {
    const cfg_file *c = cfg_edit_cfg(p->edit);
    fold_place *f = &p->places[p->n++];
    const char *a = cfg_get(c, section, "activation");
    int before = section - 1;
    while (type_is(c, before, "meta_shared")) before--;
    f->section = section;
    f->layer = cfg_edit_layer(p->edit, section);
    f->into = !apart && takes_factors(c, p->net, before, f->layer - 1) ? before : 0;
    f->act = (act_kind)act_from_name(a ? a : "linear");
    f->c = p->net->layers[f->layer].out_c;
    f->channels = calloc((size_t)f->c, sizeof *f->channels);
    for (int k = 0; f->channels && k < f->c; k++) f->channels[k].g = 1;
    return f->channels ? 0 : -1;
}

fold_plan *fold_plan_make(network *net, const char *path, const char *text, int apart, char *err) {
    fold_plan *p = calloc(1, sizeof *p);
    int bad = !p;
    if (p) {
        p->net = net;
        p->edit = cfg_edit_open(path, text, err);
        if (!p->edit || refused(net, cfg_edit_cfg(p->edit), err)) {
            fold_plan_free(p);
            return NULL;
        }
        const cfg_file *c = cfg_edit_cfg(p->edit);
        p->places = calloc((size_t)c->n, sizeof *p->places);
        bad = !p->places;
        for (int i = 1; i < c->n && !bad; i++)
            if (type_is(c, i, "perturb")) bad = add_place(p, i, apart);
    }
    if (!bad && p->n) return p;
    fail(err,
         bad ? "%s: not enough memory to fold it" : "%s: no [perturb]: there is nothing to fold",
         path);
    fold_plan_free(p);
    return NULL;
}

void fold_plan_free(fold_plan *p) {
    if (!p) return;
    for (int i = 0; i < p->n; i++) free(p->places[i].channels);
    free(p->places);
    cfg_edit_free(p->edit);
    free(p);
}

/* ---- the stand-ins ---- */

/* Of the activation, on the side of x; fold.h has why it is squared. Only where act_slope knows it.
 */
static double slope(act_kind a, double x) {
    float low;
    return x > 0 || !act_slope(a, &low) ? 1 : (double)low;
}

static void add_one(fold_channel *s, double u, double y, double here, double want) {
    double w = here * here;
    s->all_xx += u * u;
    s->all_xy += u * y;
    if (w <= 0) return;
    s->w += w;
    s->x += w * u;
    s->y += w * want;
    s->xx += w * u * u;
    s->xy += w * u * want;
}

/* x, y: (rows, c), what the stand-in reads and what [perturb] gives, both before the activation a.
 * Where the present stand-in gives v, a(g*x + b) is slope(v)*(g*x + b), and should be a(y). */
static void add_bent(fold_place *f, const float *x, const float *y, size_t rows) {
    for (size_t i = 0; i < rows * (size_t)f->c; i++) {
        fold_channel *s = &f->channels[i % (size_t)f->c];
        double u = (double)x[i], here = slope(f->act, s->g * u + s->b), at = (double)y[i];
        add_one(s, u, at, here, here > 0 ? slope(f->act, at) * at / here : 0);
    }
}

/* mish, swish, ...: an error y - v comes out as a(y) - a(v), so its weight is the square of the
 * slope between the two, that of a itself where they are one. */
static void add_smooth(fold_place *f, const float *x, const float *y, size_t rows) {
    enum { BLOCK = 64 };
    float v[BLOCK], av[BLOCK], ay[BLOCK], da[BLOCK], one[BLOCK];
    size_t n = rows * (size_t)f->c;
    for (int k = 0; k < BLOCK; k++) one[k] = 1;
    for (size_t at = 0; at < n; at += BLOCK) {
        size_t m = n - at < BLOCK ? n - at : BLOCK;
        for (size_t k = 0; k < m; k++) {
            const fold_channel *s = &f->channels[(at + k) % (size_t)f->c];
            v[k] = (float)(s->g * (double)x[at + k] + s->b);
        }
        act_forward(av, v, m, f->act);
        act_forward(ay, y + at, m, f->act);
        act_backward(da, one, v, av, m, f->act);
        for (size_t k = 0; k < m; k++) {
            double apart = (double)y[at + k] - (double)v[k],
                   between = ((double)ay[k] - (double)av[k]) / apart;
            int near = fabs(apart) < 1e-3 * (1 + fabs((double)v[k]));
            add_one(&f->channels[(at + k) % (size_t)f->c], (double)x[at + k], (double)y[at + k],
                    near ? (double)da[k] : between, (double)y[at + k]);
        }
    }
}

static void add_sums(fold_place *f, const float *x, const float *y, size_t rows) {
    float low;
    if (act_slope(f->act, &low))
        add_bent(f, x, y, rows);
    else if (!act_over_channels(f->act))
        add_smooth(f, x, y, rows);
    else /* no slope of its own: as without an activation */
        for (size_t i = 0; i < rows * (size_t)f->c; i++)
            add_one(&f->channels[i % (size_t)f->c], (double)x[i], (double)y[i], 1, (double)y[i]);
}

/* A channel that the activation never let through has no sums of its own: its plain factor then,
 * for images to come. A relu must not open where it was shut: no b above 0. */
static void solve(const fold_channel *s, act_kind a, double *g, double *b) {
    double spread = s->w * s->xx - s->x * s->x;
    if (spread > 1e-9 * s->w * s->xx) {
        *g = (s->w * s->xy - s->x * s->y) / spread;
        *b = (s->y - *g * s->x) / s->w;
        if (*g > 0 && (*b <= 0 || slope(a, -1) > 0.5)) return;
    }
    *b = 0;
    *g = s->xx > 0 ? s->xy / s->xx : s->all_xx > 0 ? s->all_xy / s->all_xx : 1;
}

static void fit_place(fold_plan *p, fold_place *f, network *plain, const engine_mode *m) {
    host_net *h = host_of(p->net), *hp = plain ? host_of(plain) : h;
    engine *e = host_engine(h);
    int node = host_node(h, f->layer),
        reads = (plain ? cfg_edit_first_new(p->edit, f->section) : f->layer) - 1;
    act_kind was = engine_perturb_act(e, node, ACT_LINEAR);
    engine_forward(e, node, m);
    engine_perturb_act(e, node, was);
    add_sums(f, engine_output(host_engine(hp), host_node(hp, reads)), engine_output(e, node),
             shape_len(engine_shape(e, node)) / (size_t)f->c);
}

static void move_place(fold_place *f, double step) {
    for (int k = 0; k < f->c; k++) {
        fold_channel *s = &f->channels[k];
        double g, b;
        solve(s, f->act, &g, &b);
        *s = (fold_channel){.g = s->g + step * (g - s->g), .b = s->b + step * (b - s->b)};
    }
}

static void put_stand_ins(const fold_plan *p, network *plain);

static float *batch_room(const network *net, char *err) {
    float *X = calloc((size_t)net->batch * (size_t)net->inputs, sizeof(float));
    if (!X) fail(err, "not enough memory for batches of %d images", net->batch);
    return X;
}

static void run(network *net, float *X, const engine_mode *m) {
    host_set_mode(host_of(net), m);
    network_predict(net, X);
    host_set_mode(host_of(net), NULL);
}

int fold_fit(fold_plan *p, network *plain, const fold_images *im, int batches, double step,
             int keep, char *err) {
    float *X = batch_room(p->net, err);
    engine_mode m = mode_one_pass(host_inference_t(host_of(p->net)));
    engine_mode own = keep ? m : mode_collect(1);
    for (int k = 0; X && k < batches; k++) {
        im->fill(im->of, k, X);
        run(p->net, X, &m);
        if (plain) run(plain, X, &own);
        for (int i = 0; i < p->n; i++) fit_place(p, &p->places[i], plain, &m);
    }
    for (int i = 0; X && i < p->n; i++) move_place(&p->places[i], step);
    if (X && plain) put_stand_ins(p, plain);
    free(X);
    return X ? 0 : -1;
}

void fold_take(fold_plan *p, const fold_plan *from) {
    for (int i = 0; i < p->n; i++)
        memcpy(p->places[i].channels, from->places[i].channels,
               sizeof(fold_channel) * (size_t)p->places[i].c);
}

/* ---- the plain cfg ---- */

char *fold_text(fold_plan *p, char *err) {
    const cfg_file *c = cfg_edit_cfg(p->edit);
    for (int i = 0; i < c->n; i++) {
        if (type_is(c, i, "meta_shared") || type_is(c, i, "cost"))
            cfg_edit_drop(p->edit, i);
        else if (!type_is(c, i, "perturb"))
            cfg_edit_unset_ours(p->edit, i);
    }
    for (int i = 0; i < p->n; i++) {
        const fold_place *f = &p->places[i];
        char text[256];
        cfg_edit_drop(p->edit, f->section);
        snprintf(text, sizeof text,
                 "[convolutional]\nfilters=%d\ngroups=%d\nsize=1\nstride=1\npad=0\nactivation=%s\n",
                 f->c, f->c, act_name(f->act));
        if (f->into)
            cfg_edit_set(p->edit, f->into, "activation", act_name(f->act));
        else
            cfg_edit_insert(p->edit, f->section, text, 1);
    }
    return cfg_edit_text(p->edit, err);
}

/* ---- the plain weights ---- */

/* Number of filters (or outputs) and of weights of each; 0: no such layer. */
static size_t filters_of(const layer *l, size_t *each) {
    *each = l->type == CONVOLUTIONAL ? (size_t)l->nweights / (size_t)l->n : (size_t)l->inputs;
    return l->type == CONVOLUTIONAL ? (size_t)l->n : l->type == CONNECTED ? (size_t)l->outputs : 0;
}

static void copy_layer(layer *to, const layer *from) {
    size_t each, n = filters_of(from, &each), f = sizeof(float);
    if (from->type == LOCAL) {
        size_t w = (size_t)from->size * (size_t)from->size * (size_t)from->c * (size_t)from->n;
        memcpy(to->weights, from->weights, f * w * (size_t)from->out_w * (size_t)from->out_h);
        memcpy(to->biases, from->biases, f * (size_t)from->outputs);
    }
    if (from->type == UPSAMPLE && from->nweights) /* it stands for a layer of the fork */
        memcpy(to->weights, from->weights, f * (size_t)from->nweights);
    if (!n) return;
    memcpy(to->weights, from->weights, f * n * each);
    memcpy(to->biases, from->biases, f * n);
    if (!from->batch_normalize) return;
    memcpy(to->scales, from->scales, f * n);
    memcpy(to->rolling_mean, from->rolling_mean, f * n);
    memcpy(to->rolling_variance, from->rolling_variance, f * n);
}

static void scale_filter(layer *l, size_t each, int filter, float g) {
    float *w = l->weights + each * (size_t)filter;
    l->biases[filter] *= g;
    if (l->batch_normalize)
        l->scales[filter] *= g;
    else
        for (size_t k = 0; k < each; k++) w[k] *= g;
}

static void put_stand_ins(const fold_plan *p, network *plain) {
    engine_read(host_engine(host_of(plain)), NULL);
    for (int i = 0; i < p->n; i++) {
        const fold_place *f = &p->places[i];
        if (f->into) continue;
        layer *l = &plain->layers[cfg_edit_first_new(p->edit, f->section)];
        for (int k = 0; k < f->c; k++) {
            l->weights[k] = (float)f->channels[k].g;
            l->biases[k] = (float)f->channels[k].b;
        }
    }
    engine_changed(host_engine(host_of(plain)), NULL);
}

void fold_weights(const fold_plan *p, network *plain) {
    const cfg_file *c = cfg_edit_cfg(p->edit);
    size_t each;
    engine_read(host_engine(host_of(p->net)), NULL);
    engine_read(host_engine(host_of(plain)), NULL);
    for (int i = 1; i < c->n; i++) {
        int now = cfg_edit_new_layer(p->edit, i);
        if (now >= 0) copy_layer(&plain->layers[now], &p->net->layers[cfg_edit_layer(p->edit, i)]);
    }
    for (int i = 0; i < p->n; i++) {
        const fold_place *f = &p->places[i];
        if (!f->into) continue;
        layer *l = &plain->layers[cfg_edit_new_layer(p->edit, f->into)];
        filters_of(l, &each);
        for (int k = 0; k < f->c; k++) {
            scale_filter(l, each, k, (float)f->channels[k].g);
            l->biases[k] += (float)f->channels[k].b;
        }
    }
    put_stand_ins(p, plain);
    *plain->seen = *p->net->seen;
}

/* ---- batch norm statistics ---- */

/* Share of a batch's statistics in the rolling ones, after a pass that began with zeros. */
static const double share = 0.1;

/* Of one layer, after one batch: its mean and variance to the sums (mean, variance, mean squared),
 * and zeros again. */
static void take(layer *l, size_t n, double *sum) {
    for (size_t k = 0; k < n; k++) {
        double m = (double)l->rolling_mean[k] / share, v = (double)l->rolling_variance[k] / share;
        sum[k] += m;
        sum[n + k] += v;
        sum[2 * n + k] += m * m;
        l->rolling_mean[k] = l->rolling_variance[k] = 0;
    }
}

static void give(layer *l, size_t n, const double *sum, int batches) {
    for (size_t k = 0; k < n; k++) {
        double m = sum[k] / batches, between = sum[2 * n + k] / batches - m * m;
        l->rolling_mean[k] = (float)m;
        l->rolling_variance[k] = (float)(sum[n + k] / batches + (between > 0 ? between : 0));
    }
}

/* Every filter so that the rolling variance is 1; the outputs stay what they are. */
static void rescale(layer *l, size_t n, size_t each) {
    for (size_t f = 0; f < n; f++) {
        float k = (float)((1 + BN_INFERENCE_EPS) / (sqrt((double)l->rolling_variance[f]) +
                                                    BN_INFERENCE_EPS)); /* the host's formula */
        for (size_t i = 0; i < each; i++) l->weights[f * each + i] *= k;
        l->rolling_mean[f] *= k;
        l->rolling_variance[f] = 1;
    }
}

typedef void (*norm_visit)(layer *l, size_t n, size_t each, double *sum, int batches);
static void visit_take(layer *l, size_t n, size_t each, double *sum, int batches) {
    take(l, n, sum);
}
static void visit_give(layer *l, size_t n, size_t each, double *sum, int batches) {
    give(l, n, sum, batches);
    rescale(l, n, each);
}

/* Calls it for each layer with batch norm; returns the length of all sums. visit NULL: only that.
 */
static size_t visit_norms(network *net, norm_visit visit, double *sum, int batches) {
    size_t at = 0, each;
    for (int i = 0; i < net->n; i++) {
        layer *l = &net->layers[i];
        size_t n = filters_of(l, &each);
        if (!n || !l->batch_normalize) continue;
        if (visit) visit(l, n, each, sum + at, batches);
        at += 3 * n;
    }
    return at;
}

/* The statistics of the pass before to the sums, zeros for the next one. */
static void take_all(network *net, double *sum) {
    engine *e = host_engine(host_of(net));
    engine_read(e, NULL);
    visit_norms(net, visit_take, sum, 0);
    engine_changed(e, NULL);
}

int fold_statistics(network *net, const fold_images *im, char *err) {
    size_t len = visit_norms(net, NULL, NULL, 0);
    float *X = batch_room(net, err);
    double *sum = calloc(len + 1, sizeof *sum), *scratch = calloc(len + 1, sizeof *scratch);
    int bad = !X || !sum || !scratch;
    if (X && bad) fail(err, "not enough memory for the statistics of batch norm");
    engine_mode m = mode_collect(1);
    if (!bad) take_all(net, scratch);
    for (int k = 0; k < im->batches && !bad; k++) {
        im->fill(im->of, k, X);
        run(net, X, &m);
        take_all(net, sum);
    }
    if (!bad) visit_norms(net, visit_give, sum, im->batches);
    engine_changed(host_engine(host_of(net)), NULL);
    free(X);
    free(sum);
    free(scratch);
    return bad ? -1 : 0;
}

static void visit_rescale(layer *l, size_t n, size_t each, double *sum, int batches) {
    (void)sum;
    (void)batches;
    rescale(l, n, each);
}

void fold_rescale(network *net) {
    engine_read(host_engine(host_of(net)), NULL);
    visit_norms(net, visit_rescale, NULL, 0);
    engine_changed(host_engine(host_of(net)), NULL);
}

double fold_sum(const layer *l) {
    size_t each, n = filters_of(l, &each);
    double sum = 0;
    for (size_t k = 0; k < n * each; k++) sum += (double)l->weights[k];
    for (int k = 0; l->type == UPSAMPLE && k < l->nweights; k++) sum += (double)l->weights[k];
    for (size_t k = 0; k < n; k++) sum += (double)l->biases[k];
    for (size_t k = 0; n && l->batch_normalize && k < n; k++)
        sum += (double)l->scales[k] + (double)l->rolling_mean[k] + (double)l->rolling_variance[k];
    return sum;
}
