/* detector.c - opening a detector, running it over pictures, measuring it. */
#include "engine/mode.h"
#include "train/detector.h"
#include "host/cfg_dialect.h"
#include "train/report.h"
#include <math.h>

/* Decoded pictures kept in memory: enough for the sets that people train at home. */
static const size_t keep_bytes = (size_t)1 << 30;

static int heads_fit(const session *c, const session_args *a, char *err) {
    return heads_check(c->cfg, c->net, c->data->classes, a->data, err);
}

int detector_open(session *c, const detector_args *a, int load_flags, char *err) {
    return session_open(c, &a->c, load_flags, heads_fit, err);
}

int detector_stretches(const cfg_file *cfg, int fork) {
    int letter_box = cfg_get_net_extra(cfg).letter_box;
    return letter_box < 0 ? fork : !letter_box;
}

det_augment detector_augment(const session *c, int fork) {
    const network *net = c->net;
    const cfg_file *cfg = c->cfg;
    int last = cfg_layer_section(cfg, cfg_layer_count(cfg) - 1);
    float random = (float)cfg_get_num(cfg, last, "random", 0);
    return (det_augment){
        .w = net->w,
        .h = net->h,
        .c = net->c,
        .boxes = heads_max_boxes(net),
        .stretch = detector_stretches(cfg, fork),
        .jitter = heads_jitter(net),
        .resize = (float)cfg_get_num(cfg, last, "resize", 1),
        .hue = net->hue,
        .saturation = net->saturation,
        .exposure = net->exposure,
        .flip = cfg_get_net_extra(cfg).flip,
        .random = heads_random(net),
        .range = random > 1 ? random : 0,
        .batches_per_step = net->subdivisions,
        .mosaic = cfg_get_num(cfg, 0, "mosaic", 0) != 0,
        .mosaic_bound = cfg_get_num(cfg, 0, "mosaic_bound", 0) != 0,
        .mixup = cfg_get_num(cfg, 0, "mixup", 0) != 0,
        .mixup_alpha = (float)cfg_get_num(cfg, 0, "mixup_alpha", 0),
        .blur = (int)cfg_get_num(cfg, 0, "blur", 0),
        .noise = (float)cfg_get_num(cfg, 0, "gaussian_noise", 0) / 255,
    };
}

int detector_of_fork(const host_net *h) {
    const int *v = host_file_version(h);
    return v[0] == 0 && v[1] == 2 && v[2] >= 5;
}

float detector_diou(const session *c, const detector_args *a) {
    return a->darknet_rules ? 0 : heads_diou(c->cfg);
}

int detector_open_test(session *c, detector_args *a, char *err) {
    if (detector_open(c, a, 0, err)) return -1;
    if (a->fork < 0) a->fork = detector_of_fork(c->h);
    session_note_statistics(c, &a->c);
    return 0;
}

det_set *detector_pictures(const session *c, const detector_args *a, data_part part, char *err) {
    int flags = (a->c.skip_bad ? DET_SKIP_BAD : 0) | (a->negatives ? DET_NEGATIVES : 0) |
                (a->no_labels ? DET_NO_LABELS : 0);
    return det_load(c->data, part, c->net->c, a->c.threads, flags, keep_bytes, err);
}

typedef struct {
    const session *c;
    const det_set *s;
    int stretch;
    heads_rule rule;
    detector_seen seen;
    void *arg;
} pass;

static int boxes_finite(const detection *d, int n, int classes) {
    for (int i = 0; i < n; i++) {
        if (!isfinite(d[i].bbox.x + d[i].bbox.y + d[i].bbox.w + d[i].bbox.h)) return 0;
        for (int k = 0; k < classes; k++)
            if (!isfinite(d[i].prob[k])) return 0;
    }
    return 1;
}

detection *detector_boxes(const session *c, int b, int w, int h, const heads_rule *rule,
                          const char *path, int *n, char *err) {
    int finite = heads_finite(c->net, b);
    detection *d = finite ? heads_boxes(c->net, b, w, h, rule, n) : NULL;
    if (d && boxes_finite(d, *n, c->data->classes)) return d;
    if (d) free_detections(d, *n);
    return fail_null(err, "%s: the network's output is no number: %s", path,
                     c->h && host_perturbs(c->h) > 0
                         ? "where [perturb] stands after sums that nothing normalises, their size "
                           "can grow from block to block; put it "
                           "after a batch norm (`cfg attach -where conv`)"
                         : "were its weights trained to the end?");
}

static int hand_on(const pass *p, int i, int in_batch, char *err) {
    network *net = p->c->net;
    const det_item *it = &p->s->items[i];
    int found = 0;
    detection *d = detector_boxes(p->c, in_batch, p->stretch ? net->w : it->w,
                                  p->stretch ? net->h : it->h, &p->rule, it->path, &found, err);
    if (!d) return -1;
    int bad = p->seen(p->arg, i, d, found, err);
    free_detections(d, found);
    return bad;
}

int detector_predict(const session *c, const detector_args *a, float *X, uint64_t number,
                     char *err) {
    int samples = a->c.samples;
    if (!c->h) { /* run by the host alone */
        network_predict(c->net, X);
        return 0;
    }
    /* Boxes of several passes are averaged cell by cell, without dropout. */
    engine_mode m = samples > 0 ? mode_samples(host_inference_t(c->h), host_seed_of(c->h), 0)
                                : mode_one_pass(host_inference_t(c->h));
    float *mean = samples > 0 ? calloc(heads_len(c->net), sizeof *mean) : NULL;
    if (samples > 0 && !mean) return fail(err, "not enough memory to average %d passes", samples);
    for (int s = 0; s < (samples > 0 ? samples : 1); s++) {
        m.draw = test_draw(number, samples, s);
        host_set_mode(c->h, &m);
        network_predict(c->net, X);
        if (mean) heads_add(c->net, mean, 1 / (float)samples);
    }
    host_set_mode(c->h, NULL);
    if (mean) heads_set(c->net, mean);
    free(mean);
    return 0;
}

int detector_run(const session *c, const det_set *s, const detector_args *a, float thresh,
                 detector_seen seen, void *arg, char *err) {
    network *net = c->net;
    heads_rule rule = {thresh, a->nms, detector_diou(c, a)};
    pass p = {c, s, detector_stretches(c->cfg, a->fork), rule, seen, arg};
    float *X = calloc((size_t)net->batch * (size_t)net->inputs, sizeof *X);
    int bad = X ? 0 : -1;
    if (bad) fail(err, "not enough memory to test %d pictures at a time", net->batch);
    for (int first = 0; !bad && first < s->n; first += net->batch) {
        int n = s->n - first < net->batch ? s->n - first : net->batch;
        bad = det_test_batch(s, first, n, net->w, net->h, net->c, p.stretch, a->c.threads, X, err);
        if (!bad) bad = detector_predict(c, a, X, (uint64_t)(first / net->batch), err);
        for (int i = 0; !bad && i < n; i++) bad = hand_on(&p, first + i, i, err);
    }
    free(X);
    return bad ? -1 : 0;
}

typedef struct {
    const det_set *s;
    scored_box *box;
    size_t n, room;
} collected;

static int push(collected *c, int image, int cls, float score, box_rect r, char *err) {
    if (c->n == c->room) {
        size_t room = 2 * c->room + 1024;
        scored_box *p = realloc(c->box, room * sizeof *p);
        if (!p) return fail(err, "not enough memory for %zu boxes", room);
        c->box = p;
        c->room = room;
    }
    c->box[c->n++] = (scored_box){image, cls, score, r};
    return 0;
}

static int collect(void *arg, int i, const detection *d, int n, char *err) {
    collected *c = arg;
    for (int k = 0; k < n; k++) {
        box_rect r = {d[k].bbox.x, d[k].bbox.y, d[k].bbox.w, d[k].bbox.h};
        for (int j = 0; j < c->s->classes; j++)
            if (d[k].prob[j] > 0 && push(c, i, j, d[k].prob[j], r, err)) return -1;
    }
    return 0;
}

int detector_measure(const session *c, const det_set *s, const detector_args *a, class_ap *out,
                     char *err) {
    collected found = {.s = s}, truth = {.s = s};
    int bad = 0;
    for (int i = 0; i < s->n && !bad; i++) {
        const det_item *it = &s->items[i];
        for (int k = 0; k < it->n && !bad; k++)
            bad = push(&truth, i, it->box[k].cls, 1, it->box[k].box, err);
    }
    if (!bad) bad = detector_run(c, s, a, (float)DETECTOR_LOW, collect, &found, err);
    ap_rule rule = {a->points, a->thresh, a->iou, a->fork};
    if (!bad &&
        boxes_average_precision(truth.box, truth.n, found.box, found.n, s->classes, &rule, out))
        bad = fail(err, "not enough memory for the average precision of %zu boxes", found.n);
    free(found.box);
    free(truth.box);
    return bad;
}

static double ratio(double a, double b) { return b > 0 ? a / b : 0; }

void detector_report(cJSON *j, const class_ap *c, int classes, int fork) {
    class_ap all = {0};
    int with = 0;
    for (int k = 0; k < classes; k++) {
        with += c[k].truths > 0;
        all.truths += c[k].truths;
        all.detections += c[k].detections;
        all.right += c[k].right;
        all.wrong += c[k].wrong;
        all.iou_sum += c[k].iou_sum;
    }
    double right = (double)all.right, precision = ratio(right, right + (double)all.wrong),
           recall = ratio(right, (double)all.truths);
    cJSON_AddNumberToObject(j, "map50", boxes_mean_ap(c, classes, 0, fork));
    cJSON_AddNumberToObject(j, "map50_95", boxes_mean_ap(c, classes, AP_ALL, fork));
    cJSON_AddNumberToObject(j, "map_at_iou_thresh", boxes_mean_ap(c, classes, AP_AT, fork));
    cJSON_AddNumberToObject(j, "precision", precision);
    cJSON_AddNumberToObject(j, "recall", recall);
    cJSON_AddNumberToObject(j, "f1", ratio(2 * precision * recall, precision + recall));
    cJSON_AddNumberToObject(j, "iou", ratio(all.iou_sum, right + (fork ? (double)all.wrong : 0)));
    cJSON_AddNumberToObject(j, "true_positives", right);
    cJSON_AddNumberToObject(j, "false_positives", (double)all.wrong);
    cJSON_AddNumberToObject(j, "false_negatives", (double)all.truths - right);
    cJSON_AddNumberToObject(j, "boxes", (double)all.truths);
    cJSON_AddNumberToObject(j, "detections", (double)all.detections);
    cJSON_AddNumberToObject(j, "classes_with_boxes", with);
}
