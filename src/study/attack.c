/* attack.c - see attack.h */
#include "train/classifier.h"
#include "engine/mode.h"
#include "study/attack.h"
#include "train/report.h"
#include <math.h>
#include <omp.h>

enum { MAX_EPS = 32, CHECK_FACTOR = 4 };

typedef struct {
    const attack_args *a;
    session target, other; /* other: with -transfer */
    dataset *s;
    ball_kind norm;
    double eps[MAX_EPS];
    int n_eps, images;
    size_t inputs, outputs;
    float *X, *truth, *delta, *g, *at, *worst, *p, *scratch;
    double *loss, *most;
    int *labels;
    char broken[ERR_LEN]; /* the sentence on the first picture whose probabilities are no numbers */
} attack;

typedef struct {
    double eps;
    int steps, samples;
} pgd;
typedef struct {
    size_t right;
    double nll;
} tally;

/* ---- what was asked for ---- */

static const struct {
    const char *name, *eps;
    double step;
} norms[] = {
    [BALL_LINF] = {"linf", "0.5/255,1/255,2/255,3/255,4/255,6/255,8/255,16/255", 0.025},
    [BALL_L2] = {"l2", "0.05,0.1,0.2,0.3,0.5,0.75,1,2", 0.025},
    [BALL_L1] = {"l1", "1,2,4,6,8,12,16,32", 0.033},
};

static int read_eps(attack *t, const char *text, char *err) {
    const char *p = text;
    for (;;) {
        char *end;
        double v = strtod(p, &end), by = 1;
        int good = end != p;
        if (good && *end == '/') {
            p = end + 1;
            by = strtod(p, &end);
            good = end != p;
        }
        v /= by;
        if (!good || !isfinite(v) || v <= 0 || (*end && *end != ','))
            return fail(
                err, "-eps %s: must be radii above 0 with commas, such as 0.01,0.02 or 2/255,4/255",
                text);
        if (t->n_eps == MAX_EPS) return fail(err, "-eps: more than %d radii", MAX_EPS);
        t->eps[t->n_eps++] = v;
        if (!*end) return 0;
        p = end + 1;
    }
}

static int read_args(attack *t, char *err) {
    const attack_args *a = t->a;
    int k = 0;
    while (a->norm && k < 3 && strcmp(a->norm, norms[k].name)) k++;
    if (k == 3) return fail(err, "-norm %s: must be linf, l2 or l1", a->norm);
    if (!a->transfer != !a->transfer_weights)
        return fail(err, "-transfer CFG and -transfer_weights FILE belong together: name both");
    if (a->beside && !a->plot)
        return fail(err, "-beside names runs to draw with this one: say where with -plot FILE");
    if (a->step == 0) return fail(err, "-step 0: a step must have a length");
    if (a->beside && attack_plot_check(a, err)) return -1;
    t->norm = (ball_kind)k;
    return read_eps(t, a->eps ? a->eps : norms[k].eps, err);
}

/* ---- opening ---- */

/* The gradient has to come through to the picture. */
static int passes_gradient(const session *c, const char *cfg, char *err) {
    if (!c->h)
        return fail(err,
                    "%s: a recurrent network; attacks are made on classifiers of single pictures",
                    cfg);
    for (int i = 0; i < c->net->n; i++) {
        if (!c->net->layers[i].stopbackward) continue;
        return fail(err,
                    "%s: stopbackward= in layer %d keeps the gradient from the picture: take it "
                    "out to attack",
                    cfg, i);
    }
    return 0;
}

static int open_other(attack *t, char *err) {
    session_args o = t->a->c;
    if (!t->a->transfer) return 0;
    o.cfg = t->a->transfer;
    o.weights = t->a->transfer_weights;
    o.phi = NULL;
    if (classifier_open(&t->other, &o, 0, err) || passes_gradient(&t->other, o.cfg, err)) return -1;
    const network *x = t->target.net, *y = t->other.net;
    if (x->w == y->w && x->h == y->h && x->c == y->c) {
        set_batch_network(t->other.net, x->batch);
        return 0;
    }
    return fail(err,
                "%s takes pictures of %dx%dx%d, %s of %dx%dx%d: give both the same width, height "
                "and channels",
                o.cfg, y->w, y->h, y->c, t->a->c.cfg, x->w, x->h, x->c);
}

static int get_memory(attack *t, char *err) {
    size_t B = (size_t)t->target.net->batch, in = B * t->inputs, out = B * t->outputs;
    t->X = calloc(in, sizeof(float));
    t->delta = calloc(in, sizeof(float));
    t->g = calloc(in, sizeof(float));
    t->at = calloc(in, sizeof(float));
    t->worst = calloc(in, sizeof(float));
    t->scratch = calloc(in, sizeof(float));
    t->truth = calloc(out, sizeof(float));
    t->p = calloc(out, sizeof(float));
    t->loss = calloc(B, sizeof(double));
    t->most = calloc(B, sizeof(double));
    t->labels = calloc(B, sizeof(int));
    if (t->X && t->delta && t->g && t->at && t->worst && t->scratch && t->truth && t->p &&
        t->loss && t->most && t->labels)
        return 0;
    return fail(err, "not enough memory to attack batches of %zu images", B);
}

static void attack_close(attack *t) {
    void *all[] = {t->X,     t->delta, t->g,    t->at,   t->worst, t->scratch,
                   t->truth, t->p,     t->loss, t->most, t->labels};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    dataset_free(t->s);
    session_close(&t->target);
    session_close(&t->other);
}

static int attack_open(attack *t, char *err) {
    const session_args *c = &t->a->c;
    if (read_args(t, err) || classifier_open(&t->target, c, 0, err) ||
        passes_gradient(&t->target, c->cfg, err) || open_other(t, err))
        return -1;
    t->s = dataset_load(t->target.data, DATA_VALID, t->target.net->c, c->threads, c->skip_bad, err);
    if (!t->s) return -1;
    t->images = t->a->images && t->a->images < t->s->n ? t->a->images : t->s->n;
    t->inputs = (size_t)t->target.net->inputs;
    t->outputs = (size_t)t->target.net->outputs;
    return get_memory(t, err);
}

/* ---- the attack ---- */

void attack_gradient(network *net, float *X, float *truth, int samples, uint64_t draw, float *g,
                     double *loss) {
    host_net *h = host_of(net);
    int passes = samples > 0 ? samples : 1;
    size_t classes = (size_t)net->outputs, n = (size_t)net->batch * (size_t)net->inputs;
    float *keep[] = {net->input, net->truth, net->delta};
    int train = net->train;
    engine_mode m = samples > 0 ? mode_samples(host_inference_t(h), host_seed_of(h), draw)
                                : mode_one_pass(host_inference_t(h));
    m.keep = 1;
    m.dropout = samples > 0;
    memset(g, 0, n * sizeof *g);
    memset(loss, 0, (size_t)net->batch * sizeof *loss);
    net->train = 0;
    for (int s = 0; s < passes; s++) {
        m.draw = draw + (uint64_t)s;
        host_set_mode(h, &m);
        net->input = X;
        net->truth = truth;
        net->delta = g; /* (+=) minus the gradient, pass after pass */
        forward_network(net);
        for (size_t i = 0; i < (size_t)net->batch; i++) {
            for (size_t k = 0; k < classes; k++) {
                if (truth[i * classes + k] > 0)
                    loss[i] -= log(fmax((double)net->output[i * classes + k], 1e-12)) / passes;
            }
        }
        backward_network(net);
    }
    host_set_mode(h, NULL);
    net->input = keep[0];
    net->truth = keep[1];
    net->delta = keep[2];
    net->train = train;
    for (size_t i = 0; i < n; i++) g[i] /= -(float)passes;
}

/* Place in the list of picture i of those attacked. */
static int picture_at(const attack *t, int i) { return (int)((long long)i * t->s->n / t->images); }

static void load_batch(attack *t, int first, int n) {
    const network *net = t->target.net;
    memset(t->X, 0, (size_t)net->batch * t->inputs * sizeof *t->X);
    memset(t->truth, 0, (size_t)net->batch * t->outputs * sizeof *t->truth);
    for (int i = 0; i < n; i++) {
        batch_test(t->s, classifier_fit(t->target.cfg), net->w, net->h, net->c,
                   picture_at(t, first + i), 1, t->X + (size_t)i * t->inputs,
                   t->truth + (size_t)i * t->outputs, t->labels + i);
    }
}

/* Where the loss is the greatest yet is kept. */
static void keep_worst(attack *t, int n) {
    for (int i = 0; i < n; i++) {
        if (t->loss[i] <= t->most[i]) continue;
        t->most[i] = t->loss[i];
        memcpy(t->worst + (size_t)i * t->inputs, t->at + (size_t)i * t->inputs,
               t->inputs * sizeof *t->at);
    }
}

static void place(attack *t, int n) {
    for (size_t i = 0; i < (size_t)n * t->inputs; i++) t->at[i] = t->X[i] + t->delta[i];
}

/* t->worst: the pictures of the batch, as by PGD on net. Noise: `draw` on, apart from that of tests
 * and of training. */
static void descend(attack *t, network *net, const pgd *how, int first, int n) {
    size_t d = t->inputs;
    uint64_t draw = 3ULL << 62 | (uint64_t)first << 32;
    double usual = norms[t->norm].step, least = 2.5 / how->steps;
    float step = (float)(how->eps * (t->a->step > 0 ? t->a->step : usual > least ? usual : least));
#pragma omp parallel for schedule(static)
    for (int i = 0; i < n; i++) {
        rng_stream r = rng_open(rng_key(t->a->c.seed, RNG_TEST, (uint64_t)first + (uint64_t)i, 1));
        ball_random(t->norm, t->delta + (size_t)i * d, t->X + (size_t)i * d, d, (float)how->eps,
                    &r);
        t->most[i] = -1;
    }
    memset(t->at, 0, (size_t)net->batch * d * sizeof *t->at);
    for (int k = 0; k <= how->steps; k++) {
        place(t, n);
        attack_gradient(net, t->at, t->truth, how->samples, draw, t->g, t->loss);
        draw += (uint64_t)(how->samples > 0 ? how->samples : 1);
        keep_worst(t, n);
        if (k == how->steps) break;
#pragma omp parallel for schedule(static)
        for (int i = 0; i < n; i++) {
            float *delta = t->delta + (size_t)i * d, *scratch = t->scratch + (size_t)i * d;
            const float *x = t->X + (size_t)i * d;
            ball_step(t->norm, delta, t->g + (size_t)i * d, x, d, step, scratch);
            ball_project(t->norm, delta, x, d, (float)how->eps, scratch);
        }
    }
}

static void count(attack *t, float *pictures, int first, int n, tally *sum) {
    network *net = t->target.net;
    classifier_outputs(net, pictures, (uint64_t)(first / net->batch), t->a->c.samples, t->p);
    for (int i = 0; i < n; i++) {
        const float *q = t->p + (size_t)i * t->outputs;
        size_t best = 0;
        if (!t->broken[0])
            classifier_finite(net, q, t->s->items[picture_at(t, first + i)].path, t->broken);
        for (size_t k = 1; k < t->outputs; k++)
            if (q[k] > q[best]) best = k;
        sum->right += best == (size_t)t->labels[i];
        sum->nll -= log(fmax((double)q[t->labels[i]], 1e-12));
    }
}

/* All pictures: attacked through `source`, judged by the target; NULL: as they are. */
static tally attack_all(attack *t, network *source, const pgd *how) {
    tally sum = {0};
    int B = t->target.net->batch;
    for (int first = 0; first < t->images; first += B) {
        int n = t->images - first < B ? t->images - first : B;
        load_batch(t, first, n);
        if (source) descend(t, source, how, first, n);
        count(t, source ? t->worst : t->X, first, n, &sum);
    }
    return sum;
}

/* ---- what came out ---- */

static attack_row row_of(const attack *t, double eps, const tally *w) {
    return (attack_row){.eps = eps,
                        .top1 = (double)w->right / t->images,
                        .nll = w->nll / t->images,
                        .transfer_top1 = -1};
}

static void show(const attack_row *r, const char *note) {
    printf("%10.5f  %6.2f %%  %8.4f", r->eps, 100 * r->top1, r->nll);
    if (r->transfer_top1 >= 0) printf("  %6.2f %%", 100 * r->transfer_top1);
    printf("%s%s\n", note[0] ? "  " : "", note);
    fflush(stdout);
}

static cJSON *row_json(const attack_row *r) {
    cJSON *o = cJSON_CreateObject();
    cJSON_AddNumberToObject(o, "eps", r->eps);
    cJSON_AddNumberToObject(o, "top1", r->top1);
    cJSON_AddNumberToObject(o, "nll", r->nll);
    if (r->transfer_top1 >= 0) cJSON_AddNumberToObject(o, "transfer_top1", r->transfer_top1);
    return o;
}

static void check_convergence(attack *t, const attack_row *base, int steps, cJSON *j) {
    int samples = t->a->c.samples;
    pgd harder[] = {{base->eps, steps * CHECK_FACTOR, samples},
                    {base->eps, steps, samples * CHECK_FACTOR}};
    const char *names[] = {"4 times the steps", "4 times the samples"};
    cJSON *list = cJSON_AddArrayToObject(j, "check");
    for (int k = 0; k < (samples > 0 ? 2 : 1); k++) {
        tally w = attack_all(t, t->target.net, &harder[k]);
        attack_row r = row_of(t, base->eps, &w);
        show(&r, names[k]);
        cJSON *o = row_json(&r);
        cJSON_AddStringToObject(o, "name", names[k]);
        cJSON_AddItemToArray(list, o);
    }
    if (base->transfer_top1 >= 0 && base->transfer_top1 < base->top1) {
        printf("the other network's gradients do more harm than its own: its gradients are masked, "
               "do not believe the second column\n");
    }
}

static int copy_broken(const attack *t, char *err) {
    memcpy(err, t->broken, ERR_LEN);
    return -1;
}

static int run(attack *t, char *err) {
    const attack_args *a = t->a;
    attack_row rows[MAX_EPS + 1];
    int steps = a->steps, worst = 0;
    double start = report_now();
    tally clean = attack_all(t, NULL, NULL);
    if (t->broken[0]) return copy_broken(t, err);
    cJSON *j = cJSON_CreateObject();
    cJSON_AddStringToObject(j, "cfg", a->c.cfg);
    cJSON_AddStringToObject(j, "norm", norms[t->norm].name);
    cJSON_AddNumberToObject(j, "steps", steps);
    cJSON_AddNumberToObject(j, "samples", a->c.samples);
    cJSON_AddNumberToObject(j, "images", t->images);
    cJSON *list = cJSON_AddArrayToObject(j, "rows");
    session_note_statistics(&t->target, &a->c);
    printf("%d images, %s, %d steps, ", t->images, norms[t->norm].name, steps);
    if (a->c.samples)
        printf("%d noise samples\n", a->c.samples);
    else
        printf("deterministic\n");
    printf("%10s  %8s  %8s%s\n", "eps", "top-1", "NLL", a->transfer ? "  transfer" : "");
    for (int k = 0; k <= t->n_eps; k++) {
        pgd how = {k ? t->eps[k - 1] : 0, steps, a->c.samples},
            other = {how.eps, steps, a->c.samples};
        tally w = k ? attack_all(t, t->target.net, &how) : clean;
        rows[k] = row_of(t, how.eps, &w);
        if (a->transfer) {
            tally o = k ? attack_all(t, t->other.net, &other) : clean;
            rows[k].transfer_top1 = (double)o.right / t->images;
        }
        show(&rows[k], "");
        cJSON_AddItemToArray(list, row_json(&rows[k]));
        if (rows[k].eps > rows[worst].eps) worst = k;
    }
    if (a->check) check_convergence(t, &rows[worst], steps, j);
    cJSON_AddNumberToObject(j, "seconds", report_now() - start);
    int bad = t->broken[0] ? copy_broken(t, err)
                           : report_json(a->c.json, j, err) ||
                                 (a->plot && attack_plot(a, rows, t->n_eps + 1, err));
    cJSON_Delete(j);
    return bad ? -1 : 0;
}

int classifier_attack(const attack_args *a, char *err) {
    attack t = {.a = a};
    int bad = attack_open(&t, err) || run(&t, err);
    attack_close(&t);
    return bad ? -1 : 0;
}
