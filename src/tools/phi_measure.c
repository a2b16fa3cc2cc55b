/* phi_measure.c - see phi_measure.h. alpha and s are read off the perturbation itself: without
 * noise it returns x s, and with eps = 0 and no scale x softplus(alpha). */
#include "train/classifier.h"
#include "engine/mode.h"
#include "tools/phi_measure.h"
#include "ops/rng.h"
#include <math.h>
#include <omp.h>

enum { BATCHES = 4, PER_UNIT = 16, REACH = 24, TABLE = 2 * REACH * PER_UNIT + 1 };

static noise_moments integrate(double alpha) {
    const double step = 1.0 / 32, root = 2.50662827463100050242;
    double m1 = 0, m2 = 0;
    for (int j = -10 * 32; j <= 10 * 32; j++) {
        double e = j * step, u = alpha + e, p = exp(-e * e / 2) * step / root;
        double z = u > 0 ? u + log1p(exp(-u)) : log1p(exp(u));
        m1 += p * z;
        m2 += p * z * z;
    }
    return (noise_moments){m1, sqrt(fmax(m2 - m1 * m1, 0))};
}

noise_moments phi_noise(double alpha) {
    static noise_moments table[TABLE];
    static int made;
    if (!made) {
        for (int i = 0; i < TABLE; i++) table[i] = integrate((double)i / PER_UNIT - REACH);
        made = 1;
    }
    if (alpha >= REACH) return (noise_moments){alpha, 1};
    double x = fmax(alpha + REACH, 0) * PER_UNIT;
    int i = x < TABLE - 2 ? (int)x : TABLE - 2;
    double t = x - i;
    return (noise_moments){table[i].mean + t * (table[i + 1].mean - table[i].mean),
                           table[i].sd + t * (table[i + 1].sd - table[i].sd)};
}

static double sum9(const float *k) {
    double s = 0;
    for (int i = 0; i < 9; i++) s += (double)k[i];
    return s;
}

double phi_flat_alpha(const float *phi, double v, double mean) {
    double own = fmax(v * sum9(phi + PHI_E1_SELF) + mean * sum9(phi + PHI_E1_ALL), 0);
    double all = mean == v ? own
                           : fmax(mean * (sum9(phi + PHI_E1_SELF) + sum9(phi + PHI_E1_ALL)), 0);
    return own * sum9(phi + PHI_E2_SELF) + all * sum9(phi + PHI_E2_ALL);
}

double phi_flat_scale(const float *phi, double v, double c_feature, double h_feature) {
    const float *w = phi + PHI_W;
    double a = (double)w[8] * c_feature + (double)w[9] * h_feature;
    for (int k = 0; k < PERTURB_K; k++) a += (double)w[k] * fmax(v * sum9(phi + PHI_K + 9 * k), 0);
    return 1 / (1 + exp(-a));
}

/* ---- one layer on one batch ---- */

typedef struct {
    shape4 s;
    const float *x, *phi;
    float *y, *eps, *scratch, *mean, *var, *scale; /* scale: s of each channel */
    perturb_args args;
} view;

static void view_free(view *v) {
    float *all[] = {v->y, v->eps, v->scratch, v->mean, v->var, v->scale};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

static int view_open(view *v, const session *c, const cfg_perturb *p) {
    engine *e = host_engine(c->h);
    const cfg_meta_shared *sh = host_shared(c->h);
    network *net = c->net;
    int node = host_node(c->h, p->layer - 1);
    memset(v, 0, sizeof *v);
    v->s = engine_shape(e, node);
    v->x = engine_output(e, node);
    v->phi = host_phi(c->h);
    size_t n = shape_len(v->s), ch = (size_t)v->s.c;
    float h_norm = sh->h_norm > 0 ? sh->h_norm : (float)net->h;
    v->args = (perturb_args){.s = v->s,
                             .slope = 1,
                             .c_feature = (float)v->s.c / sh->c_norm,
                             .h_feature = (float)v->s.h / h_norm,
                             .t = 1,
                             .clip = INFINITY,
                             .batch_stats = 1};
    v->y = malloc(n * sizeof *v->y);
    v->eps = calloc(n, sizeof *v->eps);
    v->scratch = malloc(perturb_scratch_len(v->s, omp_get_max_threads()) * sizeof *v->scratch);
    v->mean = calloc(ch * PERTURB_K, sizeof *v->mean);
    v->var = calloc(ch * PERTURB_K, sizeof *v->var);
    v->scale = malloc(ch * sizeof *v->scale);
    return v->y && v->eps && v->scratch && v->mean && v->var && v->scale ? 0 : -1;
}

/* y = x z s with these switches; eps from v->eps. */
static void view_run(view *v, perturb_noise noise, int scale) {
    perturb_args a = v->args;
    a.noise = noise;
    a.scale = scale;
    a.eps = v->eps;
    perturb_forward(v->y, NULL, v->mean, v->var, v->x, v->phi, &a, v->scratch);
}

/* s of a channel is y/x where |x| is largest; a channel of zeros only has none that matters: 1. */
static void find_scales(view *v, int on) {
    size_t n = shape_len(v->s), ch = (size_t)v->s.c;
    if (on) view_run(v, PERTURB_NOISE_NONE, 1);
    for (size_t c = 0; c < ch; c++) {
        size_t best = c;
        for (size_t i = c; i < n; i += ch)
            if (fabsf(v->x[i]) > fabsf(v->x[best])) best = i;
        v->scale[c] = on && v->x[best] != 0 ? v->y[best] / v->x[best] : 1;
    }
}

static void add_layer(view *v, const cfg_perturb *p, phi_layer *l) {
    size_t n = shape_len(v->s), ch = (size_t)v->s.c, seen = 0;
    double multiplier = 0, noise = 0;
    int gaussian = p->noise == PERTURB_KIND_GAUSSIAN, learned = p->noise && !gaussian;
    find_scales(v, p->scale && !gaussian);
    if (learned) view_run(v, PERTURB_NOISE_SAMPLE, 0);
    for (size_t i = 0; i < n; i++) {
        noise_moments z = {1, gaussian ? (double)p->sd : 0};
        if (v->x[i] == 0) continue;
        if (learned) {
            double soft = fmax((double)v->y[i] / (double)v->x[i], 1e-10);
            z = phi_noise(soft + log(-expm1(-soft))); /* alpha from softplus(alpha) */
            if (p->noise == PERTURB_KIND_MEAN) z.sd = 0;
            if (p->noise == PERTURB_KIND_UNIT) z = (noise_moments){1, z.sd / z.mean};
        }
        multiplier += (double)v->scale[i % ch] * z.mean;
        noise += z.sd / z.mean;
        seen++;
    }
    if (!seen) seen = 1;
    l->layer = p->layer;
    l->c = v->s.c;
    l->h = v->s.h;
    l->w = v->s.w;
    l->multiplier += multiplier / (double)seen;
    l->noise += noise / (double)seen;
    for (size_t c = 0; c < ch; c++) {
        double s = (double)v->scale[c];
        l->scale += s / (double)ch;
        if (s < l->scale_min) l->scale_min = s;
        if (s > l->scale_max) l->scale_max = s;
    }
}

/* The channels of the first image that vary most. */
static void liveliest(const view *v, int out[PHI_MAPS_EACH]) {
    size_t plane = (size_t)v->s.h * (size_t)v->s.w, ch = (size_t)v->s.c;
    double best[PHI_MAPS_EACH] = {-1, -1};
    for (size_t c = 0; c < ch; c++) {
        double s = 0, q = 0;
        for (size_t i = 0; i < plane; i++) {
            double x = (double)v->x[i * ch + c];
            s += x;
            q += x * x;
        }
        double var = q / (double)plane - s * s / (double)(plane * plane);
        int second = var <= best[0];
        if (var <= best[1]) continue;
        if (!second) {
            best[1] = best[0];
            out[1] = out[0];
        }
        best[second] = var;
        out[second] = (int)c;
    }
}

static int take_maps(view *v, const cfg_perturb *p, phi_map *map) {
    size_t plane = (size_t)v->s.h * (size_t)v->s.w, ch = (size_t)v->s.c;
    int channel[PHI_MAPS_EACH] = {0, 0};
    liveliest(v, channel);
    rng_normal_row(v->eps, shape_len(v->s), rng_key(1, RNG_TEST, (uint64_t)p->layer, 0), 0);
    v->args.sd = p->sd;
    view_run(v, perturb_noise_of((perturb_kind)p->noise, 1),
             p->scale && p->noise != PERTURB_KIND_GAUSSIAN);
    for (int k = 0; k < PHI_MAPS_EACH; k++) {
        float *to = malloc(3 * plane * sizeof *to);
        map[k] = (phi_map){p->layer, channel[k], v->s.h, v->s.w, to, to + plane, to + 2 * plane};
        if (!to) return -1;
        for (size_t i = 0; i < plane; i++) {
            size_t at = i * ch + (size_t)channel[k];
            map[k].before[i] = v->x[at];
            map[k].after[i] = v->y[at];
            map[k].multiplier[i] = v->x[at] != 0 ? v->y[at] / v->x[at] : v->scale[channel[k]];
        }
    }
    return 0;
}

/* ---- the network ---- */

static int measure_batch(session *c, const cfg_perturb *p, float *X, int batch, phi_measured *m) {
    network *net = c->net;
    engine_mode mode = mode_samples(1, host_seed_of(c->h), (uint64_t)batch);
    float *input = net->input;
    mode.keep = mode.perturb_batch = 1;
    host_set_mode(c->h, &mode);
    net->input = X;
    net->train = 0;
    forward_network(net);
    net->input = input;
    host_set_mode(c->h, NULL);
    for (int k = 0; k < m->layers; k++) {
        view v;
        int bad = view_open(&v, c, &p[k]);
        if (!bad) add_layer(&v, &p[k], &m->layer[k]);
        if (!bad && batch == 0) bad = take_maps(&v, &p[k], &m->map[k * PHI_MAPS_EACH]);
        view_free(&v);
        if (bad) return -1;
    }
    return 0;
}

static int measure_all(session *c, const dataset *s, phi_measured *m) {
    network *net = c->net;
    int batches = s->n / net->batch < 1         ? 1
                  : s->n / net->batch > BATCHES ? BATCHES
                                                : s->n / net->batch;
    augment whole = {.w = net->w, .h = net->h, .c = net->c, .fit = classifier_fit(c->cfg)};
    cfg_perturb *p = calloc((size_t)net->n + 1, sizeof *p);
    float *X = malloc((size_t)net->batch * (size_t)net->inputs * sizeof *X);
    int bad = !p || !X;
    if (!bad) m->layers = cfg_get_perturbs(c->cfg, p, net->n);
    m->layer = calloc((size_t)m->layers + 1, sizeof *m->layer);
    m->map = calloc((size_t)m->layers * PHI_MAPS_EACH + 1, sizeof *m->map);
    bad = bad || !m->layer || !m->map;
    for (int k = 0; k < m->layers && !bad; k++) m->layer[k].scale_min = INFINITY;
    for (int b = 0; b < batches && !bad; b++) {
        bad = batch_train(s, &whole, host_seed_of(c->h), (uint64_t)b, net->batch, X, NULL, NULL);
        if (!bad) bad = measure_batch(c, p, X, b, m);
    }
    for (int k = 0; k < m->layers && !bad; k++) {
        phi_layer *l = &m->layer[k];
        l->multiplier /= batches;
        l->noise /= batches;
        l->scale /= batches;
        m->multiplier += l->multiplier / m->layers;
        m->noise += l->noise / m->layers;
    }
    m->images = batches * net->batch;
    free(p);
    free(X);
    return bad ? -1 : 0;
}

int phi_measure(const session_args *a, phi_measured *m, char *err) {
    session c;
    memset(m, 0, sizeof *m);
    if (classifier_open(&c, a, 0, err)) return -1;
    dataset *s = dataset_load(c.data, c.data->valid[0] ? DATA_VALID : DATA_TRAIN, c.net->c,
                              a->threads, a->skip_bad, err);
    int bad = !s;
    if (s && (bad = measure_all(&c, s, m)))
        fail(err, "not enough memory to measure phi on %s", a->cfg);
    if (!bad && !m->layers)
        bad = fail(err, "%s: no [perturb] layer: there is nothing to measure", a->cfg);
    dataset_free(s);
    session_close(&c);
    return bad ? -1 : 0;
}

void phi_measured_free(phi_measured *m) {
    for (int k = 0; m->map && k < m->layers * PHI_MAPS_EACH; k++) free(m->map[k].before);
    free(m->map);
    free(m->layer);
}
