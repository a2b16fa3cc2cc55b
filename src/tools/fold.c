/* fold.c - see fold.h: files, images and the report; the folding itself is in fold_net.c. */
#include "train/classifier.h"
#include "tools/fold.h"
#include "data/batch.h"
#include "base/files.h"
#include "train/detector.h"
#include "tools/fold_distill.h"
#include "tools/fold_net.h"
#include "train/report.h"
#include <math.h>
#include <unistd.h>

enum {
    BATCHES = 50
}; /* at least, of a classifier: as many as training collects its statistics from */
/* Of the second fit: two sweeps over so many batches; whole steps would swing to and fro. */
enum { SWEEPS = 2, SWEEP_BATCHES = 16 };
static const double SWEEP_STEP = 0.6;
enum {
    PIXELS = 1 << 20,
    COMPARED = 64
}; /* of a batch of a detector; images on which outputs are compared */

typedef struct {
    const fold_args *a;
    cfg_file *cfg, *plain_cfg;
    data_file *data;
    dataset *train, *valid;
    network *net, *plain;
    fold_plan *plan;
    fold_images images;
    int classifier; /* ends in a [softmax] over the data's classes */
    int detector;   /* has [yolo] or [region] */
    int fork;       /* weights of the AlexeyAB fork: tested like it */
    image_fit fit;  /* of a detector's pictures */
    int samples;    /* of the report */
    int distilled;  /* steps of fold_distill */
    double kl[2];
    const char *runner; /* of the files that were written */
} job;

/* ---- images ---- */

/* A classifier's as in training, augmented: so were those that its own statistics come from. A
 * detector's as in its tests. */
static void fill(void *of, int k, float *X) {
    const job *j = of;
    const network *net = j->net;
    augment a = classifier_augment(j->cfg, net);
    if (j->classifier) {
        batch_train(j->train, &a, j->a->seed, (uint64_t)k, net->batch, X, NULL, NULL);
        return;
    }
    for (int i = 0; i < net->batch; i++) {
        const sample *s = &j->train->items[(k * net->batch + i) % j->train->n];
        image_fitted(&s->img, j->fit, net->w, net->h, net->c, X + (size_t)i * (size_t)net->inputs);
    }
}

/* A random choice of `want` images stays. */
static void draw(dataset *s, int want, uint64_t seed) {
    rng_stream r = rng_open(rng_key(seed, RNG_SPLIT, 0, 3)); /* 3: no part of data/ has it */
    for (int i = 0; i < want; i++) {
        int k = i + (int)rng_below(&r, (uint32_t)(s->n - i));
        sample t = s->items[i];
        s->items[i] = s->items[k];
        s->items[k] = t;
    }
    for (; s->n > want; s->n--) {
        raster_free(&s->items[s->n - 1].img);
        free(s->items[s->n - 1].path);
    }
}

static int load_images(job *j, char *err) {
    const fold_args *a = j->a;
    int c = j->net->c;
    j->train = j->classifier ? dataset_load(j->data, DATA_TRAIN, c, a->threads, a->skip_bad, err)
                             : dataset_load_images(j->data, a->images, a->seed, c, a->threads,
                                                   a->skip_bad, err);
    if (!j->train) return -1;
    if (j->train->n > a->images) draw(j->train, a->images, a->seed);
    int B = j->net->batch, once = (j->train->n + B - 1) / B;
    j->images = (fold_images){fill, j, j->classifier && once < BATCHES ? BATCHES : once};
    if (j->classifier && j->data->valid[0])
        j->valid = dataset_load(j->data, DATA_VALID, c, a->threads, a->skip_bad, err);
    return j->valid || !j->classifier || !j->data->valid[0] ? 0 : -1;
}

/* ---- opening and folding ---- */

static int ends_in_softmax(const cfg_file *c) {
    int i = c->n - 1;
    while (i > 0 && !strcmp(c->sections[i].type, "cost")) i--;
    return !strcmp(c->sections[i].type, "softmax");
}

static int has_boxes(const cfg_file *c) {
    int found = 0;
    for (int i = 1; i < c->n; i++)
        found |= !strcmp(c->sections[i].type, "yolo") || !strcmp(c->sections[i].type, "region");
    return found;
}

static void limit_batch(cfg_file *c) {
    double pixels = cfg_get_num(c, 0, "width", 1) * cfg_get_num(c, 0, "height", 1);
    int fit = pixels < PIXELS ? (int)(PIXELS / pixels) : 1;
    double batch = cfg_get_num(c, 0, "batch", 1) / cfg_get_num(c, 0, "subdivisions", 1);
    char n[16];
    snprintf(n, sizeof n, "%d", batch > fit ? fit : (int)batch);
    cfg_set(c, 0, "batch", n);
    cfg_set(c, 0, "subdivisions", "1");
}

/* What would do nothing to such a network is refused. */
static int options_fit(job *j, char *err) {
    const fold_args *a = j->a;
    int tested = (j->classifier || j->detector) && j->data->valid[0];
    j->samples = a->samples ? a->samples : FOLD_SAMPLES;
    if (!j->classifier && a->distill > 0)
        return fail(err,
                    "-distill %d: %s does not end in [softmax]; only classifiers are "
                    "trained after folding",
                    a->distill, a->cfg);
    if (a->negatives && !j->detector)
        return fail(err,
                    "-negatives: %s has no [yolo] or [region]; only detectors have "
                    "label files: leave it out",
                    a->cfg);
    if (a->samples && !tested)
        return fail(err, "-samples %d: nothing is tested (%s): leave it out", a->samples,
                    j->data->valid[0] ? "neither a classifier nor a detector"
                                      : "no valid= in DATA");
    return 0;
}

static int open_all(job *j, char *err) {
    const fold_args *a = j->a;
    if (!a->data) return fail(err, "-calibrate DATA is missing: folding averages over images");
    j->cfg = cfg_read(a->cfg, err);
    if (!j->cfg || !(j->data = data_file_read(a->data, err))) return -1;
    j->classifier = ends_in_softmax(j->cfg);
    j->detector = has_boxes(j->cfg);
    if (options_fit(j, err)) return -1;
    if (!j->classifier) limit_batch(j->cfg);
    j->net = host_open(j->cfg, 1, err);
    if (!j->net || host_load(j->net, a->weights, 0, err)) return -1;
    if (j->classifier && j->net->outputs != j->data->classes)
        return fail(
            err,
            "%s has %d outputs, but %s has classes=%d: these are not the images it was trained on",
            a->cfg, j->net->outputs, a->data, j->data->classes);
    host_seed(host_of(j->net), a->seed);
    j->fork = j->detector && detector_of_fork(host_of(j->net));
    j->fit = detector_stretches(j->cfg, j->fork) ? FIT_STRETCH : FIT_LETTERBOX;
    j->plan = fold_plan_make(j->net, a->cfg, NULL, 0, err);
    if (!j->plan) return -1;
    if (!host_has_one_pass(host_of(j->net)))
        printf("%s holds no statistics of one pass (training was not finished?): those of noisy "
               "passes stand in\n",
               a->weights);
    return load_images(j, err);
}

static int write_cfg(const char *path, const char *text, char *err) {
    file_out o;
    if (file_out_open(&o, path, err)) return -1;
    fputs(text, o.f);
    return file_out_close(&o, err);
}

static int finite_net(const network *net, const char *path, char *err) {
    engine_read(host_engine(host_of(net)), NULL);
    for (int i = 0; i < net->n; i++) {
        double sum = fold_sum(&net->layers[i]);
        if (isfinite(sum)) continue;
        fail(err,
             "%s: layer %d of the folded network would hold no numbers: activations overflow on "
             "the calibration images; "
             "are these weights trained with [perturb]?",
             path, i);
        return 0;
    }
    return 1;
}

/* Do both networks give numbers for the first calibration batch? */
static int finite_outputs(const job *j, char *err) {
    network *both[] = {j->net, j->plain};
    float *X = calloc((size_t)j->net->batch * (size_t)j->net->inputs, sizeof *X);
    int finite = X != NULL;
    if (!X) fail(err, "not enough memory for a batch");
    if (X) fill((void *)j, 0, X);
    for (int k = 0; k < 2 && finite; k++) {
        const float *p = network_predict(both[k], X);
        for (int i = 0; i < both[k]->batch * both[k]->outputs && finite; i++)
            finite = isfinite(p[i]);
        if (!finite)
            fail(err,
                 "%s: on the calibration images the output%s is no number: were the weights "
                 "trained to the end?",
                 j->a->cfg, k ? " of the folded network" : "");
    }
    free(X);
    return finite;
}

/* The network of a plain cfg, with the batch of the perturbed one; *c is the caller's. */
static network *open_plain(const job *j, const char *text, cfg_file **c, char *err) {
    char batch[16];
    snprintf(batch, sizeof batch, "%d", j->net->batch);
    *c = cfg_read_text(j->a->out_cfg, text, err);
    if (!*c) return NULL;
    cfg_set(*c, 0, "batch", batch);
    cfg_set(*c, 0, "subdivisions", "1");
    return host_open(*c, 1, err);
}

/* g and b of every [perturb]: each by itself, then again after the stand-ins of those before. */
static int fit(job *j, int keep, char *err) {
    int some = j->images.batches < SWEEP_BATCHES ? j->images.batches : SWEEP_BATCHES;
    if (fold_fit(j->plan, NULL, &j->images, j->images.batches, 1, 0, err)) return -1;
    fold_plan *apart = fold_plan_make(j->net, j->a->cfg, cfg_edit_original(j->plan->edit), 1, err);
    char *text = apart ? fold_text(apart, err) : NULL;
    cfg_file *c = NULL;
    network *plain = text ? open_plain(j, text, &c, err) : NULL;
    int bad = plain ? 0 : -1;
    if (!bad) {
        fold_take(apart, j->plan);
        fold_weights(apart, plain);
    }
    for (int k = 0; k < SWEEPS && !bad; k++)
        bad = fold_fit(apart, plain, &j->images, some, SWEEP_STEP, keep, err);
    if (!bad) fold_take(j->plan, apart);
    host_close(plain);
    cfg_free(c);
    free(text);
    fold_plan_free(apart);
    return bad;
}

static int distill(job *j, char *err) {
    int steps = j->a->distill < 0 ? FOLD_DISTILL : j->a->distill;
    if (!j->classifier || !steps) return 0;
    j->distilled = fold_distill(j->net, j->plain, &j->images, steps, j->kl, err);
    if (j->distilled < 0) return -1;
    if (!j->distilled)
        printf("the folded network's outputs agree with deterministic inference already: not "
               "trained\n");
    else
        printf("%d steps towards the deterministic outputs: KL divergence of an image %.4f in the "
               "first tenth, %.4f in the last\n",
               j->distilled, j->kl[0], j->kl[1]);
    return 0;
}

/* Where cool= has taken all the noise out, the weights are those of a plain network already. */
static int refuse_cooled(const job *j, char *err) {
    if (host_inference_t(host_of(j->net)) != 0) return 0;
    return fail(
        err,
        "%s: the noise of these weights has cooled to nothing, so there is nothing to fold: "
        "`metaperturb cfg detach %s OUT.cfg` makes the plain cfg that runs them as they are",
        j->a->weights, j->a->cfg);
}

static int compared_batches(const job *j) { return (COMPARED + j->net->batch - 1) / j->net->batch; }

/* How far the folded network's outputs lie from those of deterministic inference, on calibration
 * images; below 0, and err: no memory. No number is as far as can be. */
static double difference(const job *j, network *host, char *err) {
    size_t outputs = (size_t)j->net->batch * (size_t)j->net->outputs;
    float *X = calloc((size_t)j->net->batch * (size_t)j->net->inputs, sizeof *X),
          *p = calloc(outputs, sizeof *p);
    double d2 = 0, p2 = 0;
    for (int k = 0; X && p && k < compared_batches(j); k++) {
        fill((void *)j, k, X);
        memcpy(p, network_predict(j->net, X), sizeof *p * outputs);
        const float *q = network_predict(host, X);
        for (size_t i = 0; i < outputs; i++) {
            d2 += ((double)p[i] - (double)q[i]) * ((double)p[i] - (double)q[i]);
            p2 += (double)p[i] * (double)p[i];
        }
    }
    int bad = !X || !p;
    free(X);
    free(p);
    if (bad) return fail(err, "not enough memory to compare outputs");
    double rel = p2 > 0 ? sqrt(d2 / p2) : sqrt(d2);
    return rel >= 0 ? rel : HUGE_VAL;
}

/* Stand-ins and weights, with the statistics of one pass through the perturbed network, or with
 * those of the network that stands in for it; how far the outputs are then. Below 0, and err. */
static double stand_in(job *j, int keep, char *err) {
    if (fit(j, keep, err)) return -1;
    fold_weights(j->plan, j->plain);
    if (keep)
        fold_rescale(j->plain);
    else if (fold_statistics(j->plain, &j->images, err))
        return -1;
    return difference(j, j->plain, err);
}

/* Multipliers that hardly depend on the picture leave the statistics as they were, others do not:
 * whichever is nearer. */
static int nearer(job *j, char *err) {
    double anew = stand_in(j, 0, err), kept = anew < 0 ? -1 : stand_in(j, 1, err);
    if (kept < 0) return -1;
    return kept <= anew ? 0 : stand_in(j, 0, err) < 0 ? -1 : 0;
}

/* The plain network in memory, then both files, or neither. */
static int make_plain(job *j, char *err) {
    const fold_args *a = j->a;
    char *text = fold_text(j->plan, err);
    int bad = -1;
    if (text) j->plain = open_plain(j, text, &j->plain_cfg, err);
    if (j->plain) {
        bad = nearer(j, err) || distill(j, err) || !finite_net(j->plain, a->cfg, err) ||
                      !finite_outputs(j, err) || host_save(j->plain, a->out_weights, 0, err)
                  ? -1
                  : 0;
        if (!bad && (bad = write_cfg(a->out_cfg, text, err))) unlink(a->out_weights);
    }
    free(text);
    return bad;
}

/* ---- the report ---- */

static void tell(cJSON *json, const char *key, const char *what, const metrics *m) {
    char said[64];
    printf("%-34s ", what);
    for (int k = 0; k < METRICS; k++)
        printf("%s%s", k ? "   " : "", report_metric(k, metric_rows[k].value(m), 6, said));
    printf("\n");
    cJSON *o = cJSON_AddObjectToObject(json, key);
    report_metrics(o, m, CLASSIFIER_TOP);
    cJSON_DeleteItemFromObject(o, "bins");
}

static int report_classifier(const job *j, network *host, cJSON *json, char *err) {
    metrics m;
    image_fit fit = classifier_fit(j->cfg);
    char what[64];
    snprintf(what, sizeof what, "%d noise samples", j->samples);
    printf("%d test images\n", j->valid->n);
    if (classifier_measure(j->net, j->valid, fit, j->samples, CLASSIFIER_TOP, &m, err)) return -1;
    tell(json, "samples", what, &m);
    if (classifier_measure(j->net, j->valid, fit, 0, CLASSIFIER_TOP, &m, err)) return -1;
    tell(json, "deterministic", "deterministic", &m);
    if (classifier_measure(host, j->valid, fit, 0, CLASSIFIER_TOP, &m, err)) return -1;
    snprintf(what, sizeof what, "folded, run by %s", j->runner);
    tell(json, "folded", what, &m);
    return 0;
}

static int measure_map(const job *j, network *net, const det_set *s, int samples, cJSON *json,
                       const char *key, const char *what, char *err) {
    session c = {.cfg = j->cfg, .data = j->data, .net = net, .h = host_of(net)};
    detector_args a = {.c = {.threads = j->a->threads, .samples = samples},
                       .thresh = (float)DETECTOR_THRESH,
                       .nms = (float)DETECTOR_NMS,
                       .iou = DETECTOR_IOU};
    class_ap *ap = calloc((size_t)s->classes, sizeof *ap);
    if (!ap) return fail(err, "not enough memory for %d classes", s->classes);
    int bad = detector_measure(&c, s, &a, ap, err);
    if (!bad) {
        cJSON *o = cJSON_AddObjectToObject(json, key);
        detector_report(o, ap, s->classes, j->fork);
        cJSON_AddNumberToObject(o, "images", s->n);
        printf("%-34s mAP@0.50 %6.2f %%   mAP@0.50:0.95 %6.2f %%\n", what,
               100 * cJSON_GetObjectItem(o, "map50")->valuedouble,
               100 * cJSON_GetObjectItem(o, "map50_95")->valuedouble);
    }
    free(ap);
    return bad;
}

static int report_detector(const job *j, network *host, cJSON *json, char *err) {
    int flags = (j->a->skip_bad ? DET_SKIP_BAD : 0) | (j->a->negatives ? DET_NEGATIVES : 0);
    det_set *s = det_load(j->data, DATA_VALID, j->net->c, j->a->threads, flags, 0, err);
    char what[64], folded[64];
    if (!s) return -1;
    snprintf(folded, sizeof folded, "folded, run by %s", j->runner);
    snprintf(what, sizeof what, "%d noise sample%s", j->samples,
             j->samples > 1 ? "s, heads averaged" : "");
    printf("%d test images\n", s->n);
    int bad = measure_map(j, j->net, s, j->samples, json, "samples", what, err) ||
                      measure_map(j, j->net, s, 0, json, "deterministic", "deterministic", err) ||
                      measure_map(j, host, s, 0, json, "folded", folded, err)
                  ? -1
                  : 0;
    det_free(s);
    return bad;
}

static int report_outputs(const job *j, network *host, cJSON *json, char *err) {
    double rel = difference(j, host, err);
    if (rel < 0) return -1;
    printf("outputs of the folded network, run by %s, differ from deterministic inference by %.4f "
           "(relative, on "
           "%d calibration images)\n",
           j->runner, rel, compared_batches(j) * j->net->batch);
    cJSON_AddNumberToObject(json, "difference", rel);
    return 0;
}

/* The files as written, by Darknet's own code if it knows all that is in them. */
static network *open_folded(job *j, const cfg_file *c, char *err) {
    char why[ERR_LEN];
    j->runner = "Darknet's own code";
    if (!cfg_check_host(c, 0, why)) return host_open_alone(c, j->a->out_weights, err);
    j->runner = "metaperturb";
    fprintf(stderr, "%s\n", why);
    network *net = host_open(c, 1, err);
    if (net && host_load(net, j->a->out_weights, 0, err)) {
        host_close(net);
        return NULL;
    }
    return net;
}

static int report(job *j, char *err) {
    const fold_args *a = j->a;
    cfg_file *c = cfg_read(a->out_cfg, err);
    char batch[16];
    snprintf(batch, sizeof batch, "%d", j->net->batch);
    if (c) {
        cfg_set(c, 0, "batch", batch);
        cfg_set(c, 0, "subdivisions", "1");
    }
    network *host = c ? open_folded(j, c, err) : NULL;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "distill", j->distilled);
    if (j->distilled) cJSON_AddItemToObject(json, "kl", cJSON_CreateDoubleArray(j->kl, 2));
    int bad = !host ? -1 : report_outputs(j, host, json, err);
    if (!bad && j->valid) bad = report_classifier(j, host, json, err);
    if (!bad && j->detector && j->data->valid[0]) bad = report_detector(j, host, json, err);
    if (!bad) bad = report_json(a->json, json, err);
    cJSON_Delete(json);
    host_close(host);
    cfg_free(c);
    return bad;
}

int fold(const fold_args *a, char *err) {
    job j = {.a = a};
    int into = 0, bad = open_all(&j, err) || refuse_cooled(&j, err) || make_plain(&j, err);
    if (!bad) {
        for (int i = 0; i < j.plan->n; i++) into += j.plan->places[i].into != 0;
        printf("%s, %s: %d [perturb] folded on %d images, %d into the layer before, %d as a 1x1 "
               "convolution\n",
               a->out_cfg, a->out_weights, j.plan->n, j.train->n, into, j.plan->n - into);
        bad = report(&j, err);
    }
    dataset_free(j.train);
    dataset_free(j.valid);
    fold_plan_free(j.plan);
    host_close(j.plain);
    host_close(j.net);
    data_file_free(j.data);
    cfg_free(j.plain_cfg);
    cfg_free(j.cfg);
    return bad ? -1 : 0;
}
