/* test_engine.c - the engine against a second engine in naive double loops (NCHW, forward only);
 * every gradient against central differences of that forward, for loss = sum r*y with random r.
 * Seeded; prints the failing graph. */
#include "engine/engine.h"
#include "nodes.h"
#include "test.h"
#include <stdint.h>

enum { IN, CONV, FC, MAX, AVG, ADD, CAT, UP, ACT, BN, LOCAL_AVG, BLUR, REORG, SUM, IMP, TIMES };
enum { MAX_NODES = 12 };
#define TOL 1e-5

/* One node of a graph, for both engines; w, b, g, rm, rv are the double copies that differences are
 * taken of.
 */
typedef struct {
    int kind, in[3], n_in, n, size, stride, pad, groups, bn;
    int sx, dil, own, zero; /* stride of columns, 0: as stride; dilation, 0: 1; of MAX */
    act_kind act;
    float scale, alpha, beta; /* ADD: 0 in both: 1 */
    sum_norm norm;            /* SUM: n: weights of an input, 1 or C. TIMES: n: the factors stand
                                 last; stride: they are added */
    engine_params p;
    size_t nw;
    double *w, *b, *g, *rm, *rv, *y;
    int h, wd, c;
} tnode;

typedef struct {
    const char *name;
    tnode t[MAX_NODES];
    int n, h, w, c, batch;
    size_t sample; /* differences for so many values of a tensor; 0: for all */
} graph;

static uint32_t seed = 7;
static double rnd(void) {
    seed = seed * 1664525u + 1013904223u;
    return (double)(seed >> 8) / (1 << 23) - 1;
}

static float *floats(size_t n, double scale, double offset) {
    float *p = malloc((n + 1) * sizeof *p);
    for (size_t i = 0; i < n; i++) p[i] = (float)(scale * rnd() + offset);
    return p;
}

static double *doubles(const float *f, size_t n) {
    double *p = calloc(n + 1, sizeof *p);
    for (size_t i = 0; f && i < n; i++) p[i] = f[i];
    return p;
}

static double act(double x, act_kind a) {
    switch (a) {
    case ACT_LOGISTIC: return 1 / (1 + exp(-x));
    case ACT_RELU: return x > 0 ? x : 0;
    case ACT_RELIE: return x > 0 ? x : .01 * x;
    case ACT_RAMP: return x * (x > 0) + .1 * x;
    case ACT_TANH: return tanh(x);
    case ACT_LEAKY: return x > 0 ? x : .1 * x;
    case ACT_ELU: return x >= 0 ? x : exp(x) - 1;
    case ACT_LOGGY: return 2 / (1 + exp(-x)) - 1;
    case ACT_MISH: return x * tanh(log1p(exp(x)));
    case ACT_SWISH: return x / (1 + exp(-x));
    case ACT_HARD_MISH: return x > 0 ? x : x > -2 ? x * x / 2 + x : 0;
    case ACT_RELU6: return x > 0 ? (x < 6 ? x : 6) : 0;
    case ACT_GELU: return .5 * x * (1 + tanh(.797885 * x + .035677 * x * x * x));
    case ACT_REVLEAKY: return x > 0 ? x : .1 * x;
    case ACT_HARDTAN: return x < -1 ? -1 : x > 1 ? 1 : x;
    default: return x;
    }
}

static size_t per_image(const tnode *t) { return (size_t)t->h * (size_t)t->wd * (size_t)t->c; }

static int step_x(const tnode *t) { return t->sx ? t->sx : t->stride; }

static void ref_linear(const graph *g, tnode *t, const tnode *a) {
    int k = t->kind == FC ? 0 : t->size, groups = t->groups, ci = a->c / groups, co = t->n / groups;
    size_t in = per_image(a), out = per_image(t);
    for (int b = 0; b < g->batch; b++)
        for (int o = 0; o < t->n; o++)
            for (int y = 0; y < t->h; y++)
                for (int x = 0; x < t->wd; x++) {
                    double s = 0;
                    if (t->kind == FC)
                        for (size_t i = 0; i < in; i++)
                            s += t->w[(size_t)o * in + i] * a->y[(size_t)b * in + i];
                    for (int c = 0; c < ci; c++)
                        for (int j = 0; j < k; j++)
                            for (int i = 0; i < k; i++) {
                                int iy = y * t->stride + j * (t->dil ? t->dil : 1) - t->pad,
                                    ix = x * step_x(t) + i * (t->dil ? t->dil : 1) - t->pad,
                                    ic = o / co * ci + c;
                                if (iy < 0 || ix < 0 || iy >= a->h || ix >= a->wd || t->kind == FC)
                                    continue;
                                s += t->w[((o * ci + c) * k + j) * k + i] *
                                     a->y[(size_t)b * in + (size_t)((ic * a->h + iy) * a->wd + ix)];
                            }
                    t->y[(size_t)b * out + (size_t)((o * t->h + y) * t->wd + x)] = s;
                }
}

/* Batch statistics or the host's formula; then bias, then activation. batch = 2: put the statistics
 * into rm, rv. */
static void ref_norm(const graph *g, tnode *t, int batch) {
    size_t hw = (size_t)t->h * (size_t)t->wd, out = per_image(t);
    for (int c = 0; c < t->c; c++) {
        double m = 0, v = 0, n = (double)hw * g->batch, k = 1;
        for (int b = 0; b < g->batch; b++)
            for (size_t i = 0; i < hw; i++) m += t->y[(size_t)b * out + (size_t)c * hw + i] / n;
        for (int b = 0; b < g->batch; b++)
            for (size_t i = 0; i < hw; i++) {
                double d = t->y[(size_t)b * out + (size_t)c * hw + i] - m;
                v += d * d / n;
            }
        if (t->bn && batch) k = t->g[c] / sqrt(v + 1e-5);
        if (t->bn && !batch) m = t->rm[c], k = t->g[c] / (sqrt(t->rv[c]) + 1e-6);
        if (!t->bn) m = 0;
        for (int b = 0; b < g->batch; b++)
            for (size_t i = 0; i < hw; i++) {
                double *y = &t->y[(size_t)b * out + (size_t)c * hw + i];
                *y = act((*y - m) * k + t->b[c], t->act);
            }
        if (t->bn && batch == 2) {
            t->rm[c] = .9 * t->rm[c] + .1 * m;
            if (n > 1) t->rv[c] = .9 * t->rv[c] + .1 * (v * n / (n - 1) + 1e-5);
        }
    }
}

static double at(const tnode *a, int b, int c, int y, int x) {
    return a->y[(size_t)b * per_image(a) + (size_t)((c * a->h + y) * a->wd + x)];
}

#include "test_engine_ref.h"

/* The factor of input i in channel c of a weighted sum. */
static double ref_factor(const tnode *t, int i, int c) {
    double sum = 1e-4, most = -INFINITY, mine = 1;
    for (int k = 0; t->norm && k < t->n_in; k++) most = fmax(most, t->w[k * t->n + c % t->n]);
    for (int k = 0; t->norm && k < t->n_in; k++) {
        double w = t->w[k * t->n + c % t->n],
               part = t->norm == SUM_RELU ? fmax(w, 0) : exp(w - most);
        sum += part;
        if (k == i) mine = part;
    }
    return t->norm ? mine / sum : 1;
}

/* One output value of the node kinds that are no products. */
static double ref_value(const graph *g, const tnode *t, int b, int c, int y, int x) {
    const tnode *a = &g->t[t->in[0]], *f = &g->t[t->in[1]];
    double s = 0;
    switch (t->kind) {
    case MAX:
        if (!t->own) return ref_pool(t, a, b, c, y, x);
        s = -INFINITY;
        for (int k = c; k < a->c; k += t->own) s = at(a, b, k, y, x) > s ? at(a, b, k, y, x) : s;
        return s;
    case LOCAL_AVG: return ref_pool(t, a, b, c, y, x);
    case BLUR: return ref_blur(t, a, b, c, y, x);
    case REORG: {
        int part = c / a->c, k = t->stride;
        return at(a, b, c % a->c, y * k + part / k, x * k + part % k);
    }
    case AVG:
        for (int j = 0; j < a->h; j++)
            for (int i = 0; i < a->wd; i++) s += at(a, b, c, j, i) / (a->h * a->wd);
        return s;
    case UP: return t->scale * at(a, b, c, y / t->stride, x / t->stride);
    case ACT:
        return act_over_channels(t->act) ? ref_channels(t, a, b, c, y, x)
                                         : act(at(a, b, c, y, x), t->act);
    case SUM:
        for (int i = 0; i < t->n_in; i++)
            if (c < g->t[t->in[i]].c) s += ref_factor(t, i, c) * at(&g->t[t->in[i]], b, c, y, x);
        return act(s, t->act);
    case IMP: return t->w[c * t->h + y];
    case TIMES: {
        const tnode *by = t->n ? f : a, *map = t->n ? a : f;
        int one = by->h * by->wd == 1;
        s = at(by, b, by->c == 1 ? 0 : c, one ? 0 : y, one ? 0 : x);
        return act(t->stride ? s + at(map, b, c, y, x) : s * at(map, b, c, y, x), t->act);
    }
    case CAT:
        for (int i = 0; i < t->n_in; i++) {
            if (c < g->t[t->in[i]].c) return at(&g->t[t->in[i]], b, c, y, x);
            c -= g->t[t->in[i]].c;
        }
        return NAN;
    default: { /* ADD */
        int k = f->wd / t->wd > 1 ? f->wd / t->wd : 1, up = t->wd / f->wd > 1 ? t->wd / f->wd : 1;
        s = at(a, b, c, y, x);
        if (c < f->c && y % up == 0 && x % up == 0 && y / up < f->h && x / up < f->wd) {
            s = t->alpha * s + t->beta * at(f, b, c, y / up * k, x / up * k);
        }
        return act(s, t->act);
    }
    }
}

/* Overwrites t->y from t->in on: node `from` and later. */
static void ref_forward(graph *g, int from, int batch) {
    for (int n = from > 1 ? from : 1; n < g->n; n++) {
        tnode *t = &g->t[n];
        if (t->kind == CONV || t->kind == FC) {
            ref_linear(g, t, &g->t[t->in[0]]);
            ref_norm(g, t, batch);
        } else if (t->kind == BN) {
            memcpy(t->y, g->t[t->in[0]].y, per_image(t) * (size_t)g->batch * sizeof *t->y);
            ref_norm(g, t, batch);
        } else {
            double *y = t->y;
            for (int b = 0; b < g->batch; b++)
                for (int c = 0; c < t->c; c++)
                    for (int j = 0; j < t->h; j++)
                        for (int i = 0; i < t->wd; i++) *y++ = ref_value(g, t, b, c, j, i);
        }
    }
}

/* Random parameters for the node, given how many weights one filter has. */
static void fill_params(tnode *t, size_t per_filter) {
    size_t n = (size_t)t->c, nw = t->nw = t->kind == BN ? 0 : n * per_filter;
    t->p = (engine_params){floats(nw, 1 / sqrt(per_filter + 1.), 0),
                           floats(n, .5, 0),
                           floats(n, .4, 1),
                           floats(n, .3, 0),
                           floats(n, .4, .7),
                           floats(nw, 0, 0),
                           floats(n, 0, 0),
                           floats(n, 0, 0)};
    t->w = doubles(t->p.weights, nw);
    t->b = doubles(t->p.biases, n);
    t->g = doubles(t->p.scales, n);
    t->rm = doubles(t->p.rolling_mean, n);
    t->rv = doubles(t->p.rolling_variance, n);
}

/* Of the kinds with nothing but weights. One below 0 where two others stay: with one alone there is
 * hardly a gradient. */
static void fill_weights(tnode *t, size_t n) {
    t->nw = n;
    t->p = (engine_params){.weights = floats(n, .5, .7), .weight_updates = floats(n, 0, 0)};
    if (t->n_in == 3) t->p.weights[0] = -.4f;
    t->w = doubles(t->p.weights, n);
}

static int add_node(engine *e, const tnode *t) {
    engine_op d = {.filters = t->n,
                   .size = t->size,
                   .stride = t->stride,
                   .pad = t->pad,
                   .groups = t->groups,
                   .stride_x = t->sx,
                   .dilation = t->dil,
                   .out_channels = t->own,
                   .zero_nonmax = t->zero,
                   .batch_norm = t->bn,
                   .activation = t->act,
                   .p = t->p};
    switch (t->kind) {
    case CONV: return add_conv(e, t->in[0], &d);
    case FC: return add_connected(e, t->in[0], t->n, t->bn, t->act, &t->p);
    case MAX: return add_one(e, NODE_MAXPOOL, t->in[0], d);
    case LOCAL_AVG: return add_one(e, NODE_LOCAL_AVGPOOL, t->in[0], d);
    case BLUR: return add_one(e, NODE_BLUR, t->in[0], d);
    case REORG: return add_one(e, NODE_REORG3D, t->in[0], d);
    case AVG: return add_avgpool(e, t->in[0]);
    case ADD: return add_shortcut(e, t->in[0], t->in[1], t->alpha, t->beta, t->act);
    case CAT: return add_route(e, t->in, t->n_in);
    case UP: return add_upsample(e, t->in[0], t->stride, t->scale);
    case ACT: return add_activation(e, t->in[0], t->act);
    case BN: return add_batchnorm(e, t->in[0], &t->p);
    case SUM:
        d.norm = t->norm;
        d.per_channel = t->n > 1;
        return engine_add(e, NODE_WEIGHTED_SUM, t->in, t->n_in, &d);
    case IMP:
        d.fixed = (shape4){0, t->h, 1, t->c};
        return engine_add(e, NODE_IMPLICIT, NULL, 0, &d);
    case TIMES:
        d.factors_last = t->n;
        d.shift = t->stride;
        return engine_add(e, NODE_SCALE_CHANNELS, t->in, 2, &d);
    default: return add_input(e, t->h, t->wd, t->c);
    }
}

/* Both engines from the nodes given (t[0] is filled in here). The engine tells shapes; those are
 * checked by the forward comparison, which would read nonsense if they were wrong. */
static engine *build(graph *g, int training) {
    char err[1024] = "";
    engine *e = engine_new();
    g->t[0] = (tnode){.kind = IN, .h = g->h, .wd = g->w, .c = g->c};
    for (int i = 0; i < g->n; i++) {
        tnode *t = &g->t[i], *a = &g->t[t->in[0]];
        if (!t->groups) t->groups = 1;
        if (t->kind == ADD && t->alpha == 0 && t->beta == 0) t->alpha = t->beta = 1;
        if (t->kind == BN) t->bn = 1, t->act = ACT_LINEAR;
        if (t->kind == CONV || t->kind == FC) t->c = t->n;
        if (t->kind == BN) t->c = a->c;
        if (t->kind == CONV)
            fill_params(t, (size_t)(a->c / t->groups) * (size_t)(t->size * t->size));
        if (t->kind == FC) fill_params(t, per_image(a));
        if (t->kind == BN) fill_params(t, 1);
        if (t->kind == SUM && t->norm) fill_weights(t, (size_t)t->n * (size_t)t->n_in);
        if (t->kind == IMP) fill_weights(t, (size_t)t->h * (size_t)t->c);
        add_node(e, t);
        if (engine_plan(e, g->batch, g->h, g->w, 0, err, sizeof err)) {
            CHECK(0, "%s: %s", g->name, err);
            exit(t_done("test_engine"));
        }
        shape4 s = engine_shape(e, i);
        t->h = s.h, t->wd = s.w, t->c = s.c;
        t->y = calloc(shape_len(s), sizeof *t->y);
    }
    CHECK(engine_plan(e, g->batch, g->h, g->w, training, err, sizeof err) == 0, "%s", err);
    return e;
}

static void drop(graph *g, engine *e) {
    for (int i = 0; i < g->n; i++) {
        tnode *t = &g->t[i];
        float *f[] = {t->p.weights,      t->p.biases,           t->p.scales,
                      t->p.rolling_mean, t->p.rolling_variance, t->p.weight_updates,
                      t->p.bias_updates, t->p.scale_updates};
        double *d[] = {t->w, t->b, t->g, t->rm, t->rv, t->y};
        for (size_t j = 0; j < sizeof f / sizeof *f; j++) free(f[j]);
        for (size_t j = 0; j < sizeof d / sizeof *d; j++) free(d[j]);
    }
    engine_free(e);
}

static void run_forward(engine *e, const engine_mode *m) {
    for (int i = 0; i < engine_nodes(e); i++) engine_forward(e, i, m);
}

static void run_backward(engine *e, const engine_mode *m) {
    for (int i = engine_nodes(e) - 1; i >= 0; i--) engine_backward(e, i, m);
}

/* Error of `got` against d(sum r*y_last)/dp by central differences; forward again from node `from`.
 */
static double gradient_error(graph *g, int from, int batch, double *p, const float *got, size_t n,
                             const float *r) {
    const tnode *last = &g->t[g->n - 1];
    size_t len = per_image(last) * (size_t)g->batch,
           many = g->sample && g->sample < n ? g->sample : n;
    double *want = calloc(many + 1, sizeof *want);
    float *have = calloc(many + 1, sizeof *have);
    for (size_t s = 0; s < many; s++) {
        size_t i = s * n / many;
        double keep = p[i], h = 1e-6, sum[2] = {0, 0};
        for (int k = 0; k < 2; k++) {
            p[i] = k ? keep - h : keep + h;
            ref_forward(g, from, batch);
            for (size_t j = 0; j < len; j++) sum[k] += r[j] * last->y[j];
        }
        p[i] = keep;
        want[s] = (sum[0] - sum[1]) / (2 * h);
        have[s] = got[i];
    }
    ref_forward(g, from, batch);
    double err = t_rel(have, want, many);
    free(want), free(have);
    return err;
}

static void check_updates(graph *g, int i, int batch, const float *r, double tol) {
    tnode *t = &g->t[i];
    size_t c = (size_t)t->c;
    struct {
        const char *what;
        double *p;
        const float *got;
        size_t n;
    } v[] = {{"weights", t->w, t->p.weight_updates, t->nw},
             {"biases", t->b, t->p.bias_updates, t->p.biases ? c : 0},
             {"scales", t->g, t->p.scale_updates, t->bn ? c : 0}};
    for (int k = 0; k < 3; k++) {
        if (!v[k].n) continue;
        double err = gradient_error(g, i, batch, v[k].p, v[k].got, v[k].n, r);
        CHECK(err <= tol, "%s: node %d: %s updates off by %g", g->name, i, v[k].what, err);
    }
}

static void check_outputs(graph *g, engine *e, double tol) {
    for (int i = 0; i < g->n; i++) {
        size_t len = per_image(&g->t[i]) * (size_t)g->batch;
        float *y = malloc(len * sizeof *y);
        engine_export(e, i, y);
        double err = t_rel(y, g->t[i].y, len);
        CHECK(err <= tol, "%s: output of node %d off by %g", g->name, i, err);
        free(y);
    }
}

/* Forward, all gradients, rolling statistics. */
static void check_graph(graph g, int batch_stats, double tol) {
    engine *e = build(&g, 1);
    engine_wants_input_delta(e, 1);
    engine_mode m = {.keep = 1, .bn_batch = batch_stats, .theta_grads = 1};
    size_t in = per_image(&g.t[0]) * (size_t)g.batch,
           out = per_image(&g.t[g.n - 1]) * (size_t)g.batch;
    float *x = floats(in, 1.5, .1), *r = floats(out, 1, 0), *dx = floats(in, 1, 0);
    free(g.t[0].y);
    g.t[0].y = doubles(x, in);
    engine_begin(e);
    engine_import(e, 0, x);
    run_forward(e, &m);
    engine_import_delta(e, g.n - 1, r);
    run_backward(e, &m);
    engine_read(e, NULL);
    ref_forward(&g, 0, batch_stats ? 2 : 0);
    check_outputs(&g, e, tol);
    for (int i = 1; i < g.n; i++) {
        size_t c = (size_t)g.t[i].c;
        if (g.t[i].p.weights || g.t[i].p.biases) check_updates(&g, i, batch_stats, r, tol);
        if (!g.t[i].bn) continue;
        CHECK(t_rel(g.t[i].p.rolling_mean, g.t[i].rm, c) <= tol, "%s: node %d: rolling mean",
              g.name, i);
        CHECK(t_rel(g.t[i].p.rolling_variance, g.t[i].rv, c) <= tol,
              "%s: node %d: rolling variance", g.name, i);
    }
    engine_export_delta(e, 0, dx, 0);
    double err = gradient_error(&g, 0, batch_stats, g.t[0].y, dx, in, r);
    CHECK(err <= tol, "%s: delta of the input off by %g", g.name, err);
    free(x), free(r), free(dx);
    drop(&g, e);
}
#include "test_engine_cases.h"
#include "test_engine_fork.h"
#include "test_engine_nodes.h"

/* On every thread, whichever compiler built the host's library. */
static void test_small_numbers(void) {
#ifdef __SSE2__
    int kept = 0;
#pragma omp parallel num_threads(3) reduction(+ : kept)
    {
        volatile float small = 2e-38f, half = 0.25f;
        kept += small * half != 0;
    }
    CHECK(!kept, "numbers below a normal float are kept on %d of 3 threads", kept);
#endif
}

int main(void) {
    test_small_numbers();
    test_linear();
    test_others();
    test_deltas();
    test_sums();
    test_input_activations();
    test_fork_nodes();
    test_weighted_sums();
    test_implicit();
    test_factors();
    test_modes();
    test_fold();
    test_far_mean();
    test_softmax();
    test_dropout();
    test_perturb();
    test_carry();
    test_repeat_and_replan();
    test_refusals();
    test_squares();
    return t_done("test_engine");
}
