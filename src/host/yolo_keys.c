/* yolo_keys.c - see yolo_keys.h */
#include "host/yolo_keys.h"
#include "host/cfg_dialect.h"
#include "host/cfg_keys.h"
#include <stdlib.h>
#include <string.h>

static box_measure measure_of(const char *word) {
    static const char *const words[] = {"iou", "giou", "diou", "ciou"};
    int m = BOX_CIOU;
    while (m > BOX_IOU && strcmp(words[m], word)) m--;
    return (box_measure)m;
}

static float number(const cfg_file *c, int sec, const char *key, float none) {
    return (float)cfg_get_num(c, sec, key, (double)none);
}

static void read_dialect(const cfg_file *c, int sec, yolo_rule *r) {
    const char *loss = cfg_get(c, sec, "iou_loss"), *kind = cfg_get(c, sec, "iou_thresh_kind");
    if (loss) r->mse = !strcmp(loss, "mse");
    if (loss) r->measure = measure_of(loss);
    if (kind) r->shape = measure_of(kind);
    r->iou_normalizer = number(c, sec, "iou_normalizer", r->iou_normalizer);
    r->obj_normalizer = number(c, sec, "obj_normalizer", r->obj_normalizer);
    r->cls_normalizer = number(c, sec, "cls_normalizer", r->cls_normalizer);
    r->iou_thresh = number(c, sec, "iou_thresh", r->iou_thresh);
    r->max_delta = number(c, sec, "max_delta", r->max_delta);
    r->label_smooth_eps = number(c, sec, "label_smooth_eps", r->label_smooth_eps);
    r->objectness_smooth = cfg_get_num(c, sec, "objectness_smooth", 0) != 0;
    r->focal_loss = cfg_get_num(c, sec, "focal_loss", 0) != 0;
    r->show_details = cfg_get_num(c, sec, "show_details", 1) != 0;
}

static int read_counters(const cfg_file *c, int sec, int classes, yolo_keys *out) {
    const char *list = cfg_get(c, sec, "counters_per_class");
    if (!list) return 0;
    double *count = calloc((size_t)classes, sizeof *count);
    float *counters = calloc((size_t)classes, sizeof *counters);
    out->weight = calloc((size_t)classes, sizeof *out->weight);
    int bad = !count || !counters || !out->weight;
    if (!bad) {
        cfg_list(list, count, classes);
        for (int k = 0; k < classes; k++) counters[k] = (float)count[k];
        yolo_class_weights(out->weight, counters, classes, out->rule.max_delta);
        out->rule.class_weight = out->weight;
    }
    free(count);
    free(counters);
    return bad ? -1 : 0;
}

int yolo_keys_of(const cfg_file *c, int layer, int classes, yolo_keys *out) {
    int sec = cfg_layer_section(c, layer), dialect = cfg_yolo_dialect(c);
    *out = (yolo_keys){.rule = dialect ? yolo_rule_default() : yolo_rule_plain()};
    yolo_rule *r = &out->rule;
    out->scale_x_y = number(c, sec, "scale_x_y", 1);
    out->new_coords = cfg_get_num(c, sec, "new_coords", 0) != 0;
    out->mapped = cfg_get(c, sec, "map") != NULL;
    r->max_boxes = (int)cfg_get_num(c, sec, "max", r->max_boxes);
    r->ignore_thresh = number(c, sec, "ignore_thresh", r->ignore_thresh);
    r->truth_thresh = number(c, sec, "truth_thresh", r->truth_thresh);
    if (!dialect) return 0;
    read_dialect(c, sec, r);
    return read_counters(c, sec, classes, out);
}
