/* detector_train.c - `detector train`. Writes backup/NAME_last.weights (state to go on from),
 * NAME_best.weights (of the best mAP@0.50 so far, with -every) and NAME_final.weights. */
#include "engine/mode.h"
#include "data/det_batch.h"
#include "base/files.h"
#include "host/heads.h"
#include "train/chart.h"
#include "train/detector.h"
#include "train/loop.h"
#include "train/report.h"
#include <fcntl.h>
#include <math.h>
#include <unistd.h>

typedef struct {
    loop l; /* first: the loop hands it back */
    detector_args a;
    det_set *train, *valid;
    det_augment aug;
    det_loader *loader;
    int out, null; /* stdout, and where the host's own lines of each batch go */
    double best, drawn;
    int no_chart;
    long best_step;
} run;

/* Darknet's heads print a line for each batch. */
static float step_quietly(run *r, network *net) {
    fflush(stdout);
    dup2(r->null, 1);
    float sum = train_network_datum(net);
    fflush(stdout);
    dup2(r->out, 1);
    return sum / (float)net->batch;
}

static int batch(loop *l, float *loss, char *err) {
    run *r = (run *)l;
    network *net = l->c.net;
    const det_batch *b = det_loader_next(r->loader, err);
    if (!b || host_resize(net, b->w, b->h, err)) return -1;
    float *X = net->input, *truth = net->truth;
    net->input = b->X;
    net->truth = b->truth;
    *loss = step_quietly(r, net);
    net->input = X;
    net->truth = truth;
    return 0;
}

static int collect(loop *l, char *err) {
    run *r = (run *)l;
    det_augment a = r->aug;
    a.random = 0;
    if (host_resize(l->c.net, a.w, a.h, err)) return -1;
    /* A part of the endless sequence that training does not reach. */
    det_loader *loader = det_loader_new(r->train, &a, host_seed_of(l->c.h), 1ULL << 40,
                                        l->c.net->batch, 1);
    int bad = loader ? 0 : -1;
    if (bad) fail(err, "not enough memory for batches of %d images", l->c.net->batch);
    engine_mode m = mode_collect(host_inference_t(l->c.h));
    host_set_mode(l->c.h, &m);
    for (int i = 0; i < COLLECT_BATCHES && !bad; i++) {
        const det_batch *b = det_loader_next(loader, err);
        bad = b ? 0 : -1;
        if (b) network_predict(l->c.net, b->X);
    }
    host_set_mode(l->c.h, NULL);
    det_loader_free(loader);
    return bad;
}

enum { BEST_LEN = 2 * PATH_LEN + 100 };

/* The best score lies beside the weights that reached it, so that a run that goes on knows it. */
static void best_name(const run *r, char path[BEST_LEN]) {
    snprintf(path, BEST_LEN, "%s_best.json", r->l.base);
}

static int read_best(run *r, char *err) {
    char path[BEST_LEN];
    size_t n;
    r->best = -1;
    best_name(r, path);
    if (r->l.first == 0 || access(path, F_OK)) return 0;
    char *text = (char *)file_slurp(path, &n, err);
    if (!text) return -1;
    cJSON *j = text ? cJSON_Parse(text) : NULL, *v = cJSON_GetObjectItem(j, "map50"),
          *s = cJSON_GetObjectItem(j, "step");
    if (cJSON_IsNumber(v) && cJSON_IsNumber(s) && s->valuedouble <= (double)r->l.first) {
        r->best = v->valuedouble;
        r->best_step = (long)s->valuedouble;
    }
    int whole = cJSON_IsNumber(v) && cJSON_IsNumber(s);
    if (!whole)
        fail(err,
             "%.800s: damaged: which mAP the best weights have is not known; remove it, and the "
             "next test "
             "counts as the best",
             path);
    cJSON_Delete(j);
    free(text);
    return whole ? 0 : -1;
}

static int keep_best(run *r, const cJSON *o, char *err) {
    char path[BEST_LEN], saved[sizeof r->l.saved];
    double map = cJSON_GetObjectItem(o, "map50")->valuedouble, last = r->l.last_backup;
    if (!(map > r->best)) return 0;
    memcpy(saved, r->l.saved, sizeof saved);
    r->best = map;
    r->best_step = r->l.step;
    best_name(r, path);
    int bad = loop_save(&r->l, "_best.weights", 0, err) || report_json(path, o, err) ? -1 : 0;
    r->l.last_backup = last; /* these are no state to go on from */
    if (saved[0]) memcpy(r->l.saved, saved, sizeof saved);
    return bad;
}

static int validate(loop *l, cJSON *o, char *err) {
    run *r = (run *)l;
    class_ap *ap = calloc((size_t)r->valid->classes, sizeof *ap);
    int bad = ap && !host_resize(l->c.net, r->aug.w, r->aug.h, err)
                  ? detector_measure(&l->c, r->valid, &r->a, ap, err)
                  : -1;
    if (!ap) fail(err, "not enough memory for %d classes", r->valid->classes);
    if (!bad) {
        detector_report(o, ap, r->valid->classes, r->a.fork);
        printf("step %ld: valid mAP@0.50 %.2f %%, mAP@0.50:0.95 %.2f %%, precision %.2f, recall "
               "%.2f at score %.2f\n",
               l->step, 100 * cJSON_GetObjectItem(o, "map50")->valuedouble,
               100 * cJSON_GetObjectItem(o, "map50_95")->valuedouble,
               cJSON_GetObjectItem(o, "precision")->valuedouble,
               cJSON_GetObjectItem(o, "recall")->valuedouble, (double)r->a.thresh);
        bad = keep_best(r, o, err);
    }
    free(ap);
    return bad;
}

enum { CHART_SECONDS = 30 };

/* Without gnuplot the training goes on, and one line says why there is no picture. */
static void chart(loop *l, int tested) {
    run *r = (run *)l;
    char path[8300], why[ERR_LEN];
    double now = report_now();
    if (!r->a.map || r->no_chart || (!tested && now - r->drawn < CHART_SECONDS)) return;
    snprintf(path, sizeof path, "%s_chart.png", l->base);
    r->no_chart = chart_draw(l, path, why);
    r->drawn = now;
    if (r->no_chart) fprintf(stderr, "warning: %s\n", why);
}

static const loop_job job = {"_last.weights", "_final.weights", 0, batch, validate, collect, chart};

/* Share of w x h that two boxes with one centre have in common: how well an anchor fits a box. */
static double fit(double w, double h, const float anchor[2]) {
    double both = fmin(w, (double)anchor[0]) * fmin(h, (double)anchor[1]);
    return both / (w * h + (double)anchor[0] * (double)anchor[1] - both);
}

/* Anchors that fit no box, or belong to no head, train badly without any other sign. */
static void tell_anchors(const run *r) {
    enum { MAX = 1000 };
    float wh[MAX][2];
    int unused, n = heads_anchors(r->l.c.net, wh, MAX, &unused);
    double sum = 0;
    for (int i = 0; i < r->train->n; i++) {
        const det_item *it = &r->train->items[i];
        /* As fitted to the network, before jitter. */
        double s = fmin((double)r->aug.w / it->w, (double)r->aug.h / it->h),
               w = s * it->w / r->aug.w, h = s * it->h / r->aug.h;
        if (r->aug.stretch) w = h = 1;
        for (int k = 0; k < it->n; k++) {
            double best = 0;
            for (int a = 0; a < n && a < MAX; a++)
                best = fmax(best,
                            fit(w * (double)it->box[k].box.w, h * (double)it->box[k].box.h, wh[a]));
            sum += best;
        }
    }
    double mean = r->train->boxes ? sum / (double)r->train->boxes : 0;
    printf("anchors: mean IoU %.2f of the boxes with the best of %d\n", mean, n);
    if (mean < 0.4 && r->train->boxes) {
        fprintf(stderr,
                "warning: the anchors hardly fit the boxes of the train list: are they in pixels "
                "of the network's %d x %d?\n",
                r->aug.w, r->aug.h);
    }
    if (unused)
        fprintf(stderr,
                "warning: %d of %d anchors are in no mask=: boxes like them are never learned\n",
                unused, n);
}

static int tell_classes(const run *r, char *err) {
    const det_set *s = r->train;
    size_t *count = calloc((size_t)s->classes, sizeof *count);
    if (!count) return fail(err, "not enough memory for %d classes", s->classes);
    for (int i = 0; i < s->n; i++)
        for (int k = 0; k < s->items[i].n; k++) count[s->items[i].box[k].cls]++;
    report_missing(r->l.c.data, count, "box");
    free(count);
    return 0;
}

static void tell_pictures(const run *r) {
    const det_set *s = r->train;
    int crowded = 0;
    for (int i = 0; i < s->n; i++) crowded += s->items[i].n > r->aug.boxes;
    printf("%s: %d pictures, %zu boxes, %d classes; %d pictures without boxes, %d skipped, %zu "
           "boxes cut at the edge\n",
           r->a.c.data, s->n, s->boxes, s->classes, s->empty, s->skipped, s->clipped);
    if (crowded) {
        printf("%d pictures have more than the %d boxes that a head has room for: each time a "
               "random choice is learned\n",
               crowded, r->aug.boxes);
    }
}

/* Weights that were trained on stretched pictures, and go on with letterboxed ones, deserve a word.
 */
static void tell_fit(const run *r) {
    const char *weights = r->l.a->weights;
    if (r->aug.stretch || !weights || cfg_get_net_extra(r->l.c.cfg).letter_box >= 0 ||
        !detector_of_fork(r->l.c.h))
        return;
    fprintf(stderr,
            "%s: written by the AlexeyAB fork, which stretches pictures; here they are "
            "letterboxed: say letter_box=0 in [net] "
            "to stretch them, letter_box=1 to be rid of this line\n",
            weights);
}

static int augmentation(run *r, char *err) {
    r->aug = detector_augment(&r->l.c, r->a.fork);
    /* The last tenth, 200 steps at most, at the size that is tested; Darknet spends its last 200 at
     * the largest. */
    long settle = r->l.steps / 10 < 200 ? r->l.steps / 10 : 200;
    r->aug.settle = (uint64_t)(r->l.steps - settle);
    if (!r->aug.random) return 0;
    /* Whatever does not fit into memory, or cannot be resized, is told now and not after an hour.
     */
    int w, h;
    det_largest(&r->aug, &w, &h);
    return host_resize(r->l.c.net, w, h, err);
}

static int open_quiet(run *r, char *err) {
    fflush(stdout);
    r->out = fcntl(1, F_DUPFD_CLOEXEC, 3);
    r->null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (r->out >= 0 && r->null >= 0) return 0;
    return fail(err, "cannot open /dev/null");
}

static int start(run *r, char *err) {
    loop *l = &r->l;
    const session_args *a = l->a;
    int flags = HOST_PARTIAL_OK | (a->clear ? HOST_CLEAR : 0);
    if (open_quiet(r, err) || detector_open(&l->c, &r->a, flags, err)) return -1;
    r->train = detector_pictures(&l->c, &r->a, DATA_TRAIN, err);
    if (!r->train) return -1;
    if (!r->train->boxes)
        return fail(err, "%s: no picture has a box: nothing could be learned", l->c.data->train);
    l->images = r->train->n;
    long epoch = l->images / (l->c.net->batch * l->c.net->subdivisions);
    if (r->a.map && !r->a.c.every) r->a.c.every = epoch > 100 ? (int)epoch : 100;
    if (a->every && !(r->valid = detector_pictures(&l->c, &r->a, DATA_VALID, err))) return -1;
    if (loop_refuses(l->c.cfg, 1, err) || loop_prepare(l, err) || augmentation(r, err) ||
        tell_classes(r, err))
        return -1;
    if (read_best(r, err)) return -1;
    network *net = l->c.net;
    r->loader = det_loader_new(r->train, &r->aug, host_seed_of(l->c.h),
                               *net->seen / (size_t)net->batch, net->batch,
                               a->threads > 3 ? a->threads / 4 + 1 : 1);
    if (!r->loader) fail(err, "not enough memory for batches of %d images", net->batch);
    tell_pictures(r);
    tell_fit(r);
    tell_anchors(r);
    printf("steps %ld to %ld of batch %d, seed %llu\n", l->first, l->steps,
           net->batch * net->subdivisions, (unsigned long long)host_seed_of(l->c.h));
    return r->loader ? 0 : -1;
}

int detector_train(const detector_args *a, char *err) {
    run r = {.a = *a, .out = -1, .null = -1};
    r.a.c.training = 1;
    r.l.a = &r.a.c;
    r.l.job = &job;
    int bad = start(&r, err) || loop_run(&r.l, err) ? -1 : 0;
    if (!bad && r.best >= 0)
        printf("best: mAP@0.50 %.2f %% at step %ld, in %s_best.weights\n", 100 * r.best,
               r.best_step, r.l.base);
    loop_end(&r.l);
    det_loader_free(r.loader);
    det_free(r.train);
    det_free(r.valid);
    session_close(&r.l.c);
    if (r.out >= 0) close(r.out);
    if (r.null >= 0) close(r.null);
    return bad;
}
