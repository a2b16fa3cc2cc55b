/* heads.c - see heads.h */
#include "host/heads.h"
#include <math.h>
#include <stdlib.h>

static int is_head(const layer *l) { return l->type == YOLO || l->type == REGION; }

/* Index in c->sections of a layer: [net] and [meta_shared] are none. */
static int section_of(const cfg_file *c, int layer) {
    for (int i = 1; i < c->n; i++)
        if (strcmp(c->sections[i].type, "meta_shared") && layer-- == 0) return i;
    return 0;
}

static int complain(char *err, const cfg_file *c, int layer, const char *text) {
    int sec = section_of(c, layer);
    return fail(err, "%s:%d: [%s] (layer %d) %s", c->path, c->sections[sec].line,
                c->sections[sec].type, layer, text);
}

static int check_head(const cfg_file *c, const layer *l, int i, int classes, const char *data,
                      char *err) {
    char text[512];
    int numbers = l->type == YOLO ? 2 * l->total : 2 * l->n,
        per = classes + (l->type == YOLO ? 4 : l->coords) + 1;
    if (l->classes != classes) {
        snprintf(text, sizeof text,
                 "has classes=%d, but %.200s says classes=%d: set classes=%d here and filters=%d "
                 "in the layer "
                 "that feeds it",
                 l->classes, data, classes, classes, l->n * per);
        return complain(err, c, i, text);
    }
    if (l->type == REGION && l->coords != 4)
        return complain(err, c, i, "must have coords=4: x, y, width, height");
    if (!cfg_get(c, section_of(c, i), "anchors"))
        return complain(err, c, i, "has no anchors=: widths and heights of typical boxes");
    for (int k = 0; k < numbers; k++) {
        if (l->biases[k] > 0) continue;
        snprintf(text, sizeof text,
                 "number %d of anchors= is %g: widths and heights must be above 0", k + 1,
                 (double)l->biases[k]);
        return complain(err, c, i, text);
    }
    return 0;
}

int heads_check(const cfg_file *c, const network *net, int classes, const char *data, char *err) {
    int heads = 0;
    for (int i = 0; i < net->n; i++) {
        const layer *l = &net->layers[i];
        if (l->type == DETECTION)
            return complain(
                err, c, i,
                "is a head of YOLO version 1: only [yolo] and [region] can be used here");
        if (!is_head(l)) continue;
        heads++;
        if (check_head(c, l, i, classes, data, err)) return -1;
    }
    if (!heads)
        return fail(err, "%s: no [yolo] or [region] layer: this network is no detector", c->path);
    if (!is_head(&net->layers[net->n - 1]))
        return complain(err, c, net->n - 1,
                        "stands after the last [yolo] or [region]: end with that");
    return 0;
}

int heads_max_boxes(const network *net) {
    const layer *l = &net->layers[net->n - 1];
    return l->truths / (l->type == YOLO ? 5 : l->coords + 1);
}

float heads_jitter(const network *net) { return net->layers[net->n - 1].jitter; }
int heads_random(const network *net) { return net->layers[net->n - 1].random != 0; }

static int in_a_mask(const network *net, int anchor) {
    for (int i = 0; i < net->n; i++) {
        const layer *l = &net->layers[i];
        if (l->type != YOLO) continue;
        for (int k = 0; k < l->n; k++)
            if (l->mask[k] == anchor) return 1;
    }
    return 0;
}

int heads_anchors(const network *net, float (*wh)[2], int max, int *unused) {
    const layer *l = &net->layers[net->n - 1]; /* [yolo] layers list all anchors of all of them */
    int yolo = l->type == YOLO, n = yolo ? l->total : l->n;
    float w = (float)(yolo ? net->w : l->w), h = (float)(yolo ? net->h : l->h);
    *unused = 0;
    for (int k = 0; k < n; k++) {
        if (yolo) *unused += !in_a_mask(net, k);
        if (k >= max) continue;
        wh[k][0] = l->biases[2 * k] / w;
        wh[k][1] = l->biases[2 * k + 1] / h;
    }
    return n;
}

static size_t outputs_of(const network *net, int i) {
    return is_head(&net->layers[i]) ? (size_t)net->layers[i].outputs * (size_t)net->batch : 0;
}

size_t heads_len(const network *net) {
    size_t n = 0;
    for (int i = 0; i < net->n; i++) n += outputs_of(net, i);
    return n;
}

void heads_add(const network *net, float *acc, float factor) {
    for (int i = 0; i < net->n; i++) {
        size_t n = outputs_of(net, i);
        for (size_t k = 0; k < n; k++) *acc++ += factor * net->layers[i].output[k];
    }
}

void heads_set(network *net, const float *acc) {
    for (int i = 0; i < net->n; i++) {
        size_t n = outputs_of(net, i);
        if (n) memcpy(net->layers[i].output, acc, n * sizeof *acc);
        acc += n;
    }
}

int heads_finite(const network *net, int b) {
    for (int i = 0; i < net->n; i++) {
        const layer *l = &net->layers[i];
        const float *out = l->output + (size_t)b * (size_t)l->outputs;
        for (int k = 0; is_head(l) && k < l->outputs; k++)
            if (!isfinite(out[k])) return 0;
    }
    return 1;
}

/* The host looks at picture 0 of a batch only, and takes a batch of 2 for a picture and its mirror
 * image. */
static void point_heads(network *net, int b, int back) {
    for (int i = 0; i < net->n; i++) {
        layer *l = &net->layers[i];
        if (!is_head(l)) continue;
        size_t at = (size_t)b * (size_t)l->outputs;
        l->output = back ? l->output - at : l->output + at;
        l->batch = back ? net->batch : 1;
    }
}

float heads_diou(const cfg_file *c) {
    int last = section_of(c, cfg_layer_count(c) - 1);
    const char *kind = cfg_get(c, last, "nms_kind");
    if (!kind || !strcmp(kind, "default")) return 0;
    return strcmp(kind, "greedynms") ? (float)cfg_get_num(c, last, "beta_nms", 0.6) : 0.6f;
}

static float diou(box a, box b, float beta) {
    float left = fminf(a.x - a.w / 2, b.x - b.w / 2), right = fmaxf(a.x + a.w / 2, b.x + b.w / 2);
    float top = fminf(a.y - a.h / 2, b.y - b.h / 2), bottom = fmaxf(a.y + a.h / 2, b.y + b.h / 2);
    float c = (right - left) * (right - left) + (bottom - top) * (bottom - top);
    float d = (a.x - b.x) * (a.x - b.x) + (a.y - b.y) * (a.y - b.y), iou = box_iou(a, b);
    return c > 0 ? iou - powf(d / c, beta) : iou;
}

static int by_class_score(const void *p, const void *q) {
    const detection *a = p, *b = q;
    float x = a->prob[a->sort_class], y = b->prob[b->sort_class];
    return (x < y) - (x > y);
}

static void suppress_diou(detection *d, int n, int classes, float nms, float beta) {
    for (int k = 0; k < classes; k++) {
        for (int i = 0; i < n; i++) d[i].sort_class = k;
        qsort(d, (size_t)n, sizeof *d, by_class_score);
        for (int i = 0; i < n; i++) {
            if (d[i].prob[k] == 0) continue;
            for (int j = i + 1; j < n; j++)
                if (d[j].prob[k] > 0 && diou(d[i].bbox, d[j].bbox, beta) > nms) d[j].prob[k] = 0;
        }
    }
}

detection *heads_boxes(network *net, int b, int w, int h, const heads_rule *rule, int *n) {
    int classes = net->layers[net->n - 1].classes;
    point_heads(net, b, 0);
    detection *d = get_network_boxes(net, w, h, rule->thresh, 0.5f, NULL, 1, n);
    point_heads(net, b, 1);
    if (rule->nms > 0 && rule->diou > 0)
        suppress_diou(d, *n, classes, rule->nms, rule->diou);
    else if (rule->nms > 0)
        do_nms_sort(d, *n, classes, rule->nms);
    return d;
}
