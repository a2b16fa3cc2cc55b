/* yolo_cases.h - a [yolo] section of the fork's vectors as yolo_head.h and yolo_loss.h have it. */
#ifndef YOLO_CASES_H
#define YOLO_CASES_H
#include "fork_vectors.h"
#include "ops/yolo_loss.h"

enum { CASE_MOST = 32 };
typedef struct {
    yolo_head h;
    yolo_rule r;
    int mask[CASE_MOST];
    float sizes[CASE_MOST], counters[CASE_MOST], weight[CASE_MOST];
} yolo_case;

static inline int case_list(const char *text, float *to) {
    int n = 0;
    for (char *end; n < CASE_MOST && *text; text = end + strspn(end, ", ")) {
        to[n++] = strtof(text, &end);
        if (end == text) return n - 1;
    }
    return n;
}

static inline double case_number(const char *cfg, const char *key, double none) {
    const char *v = fork_key(cfg, key, NULL);
    return v ? atof(v) : none;
}

static inline box_measure case_measure(const char *name) {
    static const char *const names[] = {"iou", "giou", "diou", "ciou"};
    for (int m = BOX_IOU; m <= BOX_CIOU; m++)
        if (!strcmp(names[m], name)) return (box_measure)m;
    return BOX_IOU;
}

static inline void case_read(yolo_case *c, const char *cfg, int batch) {
    float mask[CASE_MOST];
    *c = (yolo_case){.r = yolo_rule_default()};
    yolo_rule *r = &c->r;
    int n = case_list(fork_key(cfg, "mask", ""), mask);
    for (int i = 0; i < n; i++) c->mask[i] = (int)mask[i];
    case_list(fork_key(cfg, "anchors", ""), c->sizes);
    c->h = (yolo_head){batch,
                       (int)case_number(cfg, "height", 0) / 8,
                       (int)case_number(cfg, "width", 0) / 8,
                       (int)case_number(cfg, "classes", 0),
                       n,
                       c->mask,
                       (int)case_number(cfg, "num", 1),
                       c->sizes,
                       (int)case_number(cfg, "height", 0),
                       (int)case_number(cfg, "width", 0),
                       (float)case_number(cfg, "scale_x_y", 1),
                       (int)case_number(cfg, "new_coords", 0)};
    const char *loss = fork_key(cfg, "iou_loss", "mse");
    r->mse = !strcmp(loss, "mse");
    r->measure = case_measure(loss);
    r->shape = case_measure(fork_key(cfg, "iou_thresh_kind", "iou"));
    const struct {
        const char *key;
        float *to;
    } numbers[] = {
        {"iou_normalizer", &r->iou_normalizer}, {"obj_normalizer", &r->obj_normalizer},
        {"cls_normalizer", &r->cls_normalizer}, {"ignore_thresh", &r->ignore_thresh},
        {"truth_thresh", &r->truth_thresh},     {"iou_thresh", &r->iou_thresh},
        {"max_delta", &r->max_delta},           {"label_smooth_eps", &r->label_smooth_eps}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        *numbers[i].to = (float)case_number(cfg, numbers[i].key, (double)*numbers[i].to);
    r->objectness_smooth = (int)case_number(cfg, "objectness_smooth", 0);
    r->focal_loss = (int)case_number(cfg, "focal_loss", 0);
    r->show_details = (int)case_number(cfg, "show_details", 1);
    r->max_boxes = (int)case_number(cfg, "max", 200);
    r->truth_len = 6;
    if (!case_list(fork_key(cfg, "counters_per_class", ""), c->counters)) return;
    yolo_class_weights(c->weight, c->counters, c->h.classes, r->max_delta);
    r->class_weight = c->weight;
}
#endif
