/* classifier.c - opening a classifier, and measuring it. */
#include "train/classifier.h"
#include "engine/mode.h"
#include "train/report.h"
#include <math.h>
#include <omp.h>

static int outputs_fit(const session *c, const session_args *a, char *err) {
    if (c->net->outputs == c->data->classes) return 0;
    return fail(err,
                "%s has %d outputs, but %s has classes=%d: set output= (or filters=) of its last "
                "layer to %d",
                a->cfg, c->net->outputs, a->data, c->data->classes, c->data->classes);
}

int classifier_open(session *c, const session_args *a, int load_flags, char *err) {
    return session_open(c, a, load_flags, outputs_fit, err);
}

image_fit classifier_fit(const cfg_file *cfg) {
    cfg_net_extra x = cfg_get_net_extra(cfg);
    return x.letter_box == 1 ? FIT_LETTERBOX : x.crop_pad >= 0 ? FIT_STRETCH : FIT_CENTRE;
}

augment classifier_augment(const cfg_file *cfg, const network *net) {
    cfg_net_extra x = cfg_get_net_extra(cfg);
    return (augment){
        .w = net->w,
        .h = net->h,
        .c = net->c,
        .fit = classifier_fit(cfg),
        .crop_pad = x.crop_pad,
        .flip = x.flip,
        .angle = net->angle,
        .aspect = net->aspect,
        .hue = net->hue,
        .saturation = net->saturation,
        .exposure = net->exposure,
        .min_crop = (int)(net->min_ratio * (float)net->w),
        .max_crop = (int)(net->max_ratio * (float)net->w),
        .cutout = x.cutout,
        .label_smooth = x.label_smooth,
        .mixup = x.mixup,
        .cutmix = x.cutmix,
    };
}

void classifier_outputs(network *net, float *X, uint64_t batch, int samples, float *p) {
    host_net *h = host_of(net);
    size_t n = (size_t)net->batch * (size_t)net->outputs;
    int passes = samples > 0 ? samples : 1;
    if (!h) { /* run by the host alone */
        memcpy(p, network_predict(net, X), n * sizeof(float));
        return;
    }
    engine_mode m = samples > 0 ? mode_samples(host_inference_t(h), 0, 0)
                                : mode_one_pass(host_inference_t(h));
    m.dropout = samples > 0;
    memset(p, 0, n * sizeof(float));
    for (int s = 0; s < passes; s++) {
        m.seed = host_seed_of(h);
        m.draw = test_draw(batch, passes, s);
        host_set_mode(h, &m);
        const float *out = network_predict(net, X);
        for (size_t k = 0; k < n; k++) p[k] += out[k] / (float)passes;
    }
    host_set_mode(h, NULL);
}

int classifier_finite(const network *net, const float *p, const char *path, char *err) {
    int bad = 0;
    for (int k = 0; k < net->outputs; k++) bad |= !isfinite(p[k]);
    if (bad)
        fail(err, "%s: the network's output is no number: were its weights trained to the end?",
             path);
    return bad ? -1 : 0;
}

int classifier_collect(network *net, const dataset *s, const augment *a, char *err) {
    host_net *h = host_of(net);
    /* A part of the endless sequence that training does not reach. */
    loader *l = loader_new(s, a, host_seed_of(h), 1ULL << 40, net->batch, 1);
    if (!l) return fail(err, "not enough memory for batches of %d images", net->batch);
    engine_mode m = mode_collect(host_inference_t(h));
    host_set_mode(h, &m);
    for (int i = 0; i < COLLECT_BATCHES; i++) network_predict(net, loader_next(l)->X);
    host_set_mode(h, NULL);
    loader_free(l);
    return 0;
}

int classifier_measure(network *net, const dataset *s, image_fit fit, int samples, int top,
                       metrics *m, char *err) {
    return classifier_measure_keep(net, s, fit, samples, top, m, NULL, err);
}

int classifier_measure_keep(network *net, const dataset *s, image_fit fit, int samples, int top,
                            metrics *m, float *keep, char *err) {
    int B = net->batch, k = top < net->outputs ? top : net->outputs;
    float *X = calloc((size_t)B * (size_t)net->inputs, sizeof(float));
    float *y = calloc((size_t)B * (size_t)net->outputs, sizeof(float));
    float *p = calloc((size_t)B * (size_t)net->outputs, sizeof(float));
    int *labels = calloc((size_t)B, sizeof(int)), bad = 0;
    memset(m, 0, sizeof *m);
    if (!X || !y || !p || !labels) bad = fail(err, "not enough memory to test");
    for (int first = 0; !bad && first < s->n; first += B) {
        int n = s->n - first < B ? s->n - first : B;
        batch_test(s, fit, net->w, net->h, net->c, first, n, X, y, labels);
        classifier_outputs(net, X, (uint64_t)(first / B), samples, p);
        size_t outputs = (size_t)net->outputs;
        if (keep) memcpy(keep + (size_t)first * outputs, p, (size_t)n * outputs * sizeof *p);
        for (int i = 0; i < n && !bad; i++) {
            const float *q = p + (size_t)i * (size_t)net->outputs;
            bad = classifier_finite(net, q, s->items[first + i].path, err);
            if (!bad) metrics_add(m, q, net->outputs, labels[i], k);
        }
    }
    free(X);
    free(y);
    free(p);
    free(labels);
    return bad ? -1 : 0;
}

static void show(const session_args *a, const metrics *m, double seconds) {
    double n = m->images ? (double)m->images : 1;
    char said[64];
    printf("%zu images: ", m->images);
    for (int k = 0; k < METRICS; k++) {
        printf("%s%s", k ? ", " : "", report_metric(k, metric_rows[k].value(m), 0, said));
        if (k == METRIC_TOP1) printf(", top-%d %.2f %%", a->top, 100 * (double)m->topk / n);
    }
    printf(" (%s", a->samples > 0 ? "" : "deterministic, ");
    if (a->samples > 0) printf("%d noise samples, ", a->samples);
    printf("%.1f s)\n", seconds);
}

int classifier_valid(const session_args *a, char *err) {
    session c;
    metrics m;
    if (classifier_open(&c, a, 0, err)) return -1;
    double start = report_now();
    int bad = -1;
    dataset *s = dataset_load(c.data, DATA_VALID, c.net->c, a->threads, a->skip_bad, err);
    session_note_statistics(&c, a);
    if (s) bad = classifier_measure(c.net, s, classifier_fit(c.cfg), a->samples, a->top, &m, err);
    if (!bad) {
        double seconds = report_now() - start;
        show(a, &m, seconds);
        cJSON *j = cJSON_CreateObject();
        report_metrics(j, &m, a->top);
        cJSON_AddNumberToObject(j, "samples", a->samples);
        cJSON_AddNumberToObject(j, "seconds", seconds);
        bad = report_json(a->json, j, err);
        cJSON_Delete(j);
    }
    dataset_free(s);
    session_close(&c);
    return bad;
}
