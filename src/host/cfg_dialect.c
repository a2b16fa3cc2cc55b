/* cfg_dialect.c - see cfg_dialect.h */
#include "host/cfg_dialect.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

int cfg_layer_section(const cfg_file *c, int layer) {
    for (int i = 1; i < c->n; i++)
        if (strcmp(c->sections[i].type, "meta_shared") && layer-- == 0) return i;
    return 0;
}

/* Keys of the fork, and the value at which each changes nothing; NAN: there is none such. */
static const struct {
    const char *name;
    double same;
} numbers[] = {
    {"scale_x_y", 1},      {"new_coords", 0},           {"iou_thresh", 1},
    {"iou_normalizer", 1}, {"obj_normalizer", 1},       {"cls_normalizer", 1},
    {"focal_loss", 0},     {"label_smooth_eps", 0},     {"objectness_smooth", 0},
    {"max_delta", NAN},    {"counters_per_class", NAN},
};

static int speaks(const cfg_file *c, int sec) {
    const char *loss = cfg_get(c, sec, "iou_loss");
    if (loss && strcmp(loss, "mse")) return 1;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        const char *val = cfg_get(c, sec, numbers[i].name);
        if (val && !(strtod(val, NULL) == numbers[i].same)) return 1;
    }
    return 0;
}

int cfg_yolo_dialect(const cfg_file *c) {
    for (int i = 1; i < c->n; i++)
        if (!strcmp(c->sections[i].type, "yolo") && speaks(c, i)) return 1;
    return 0;
}
