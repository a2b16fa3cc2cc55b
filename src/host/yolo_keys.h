/* yolo_keys.h - what a [yolo] section says of its head's boxes and loss. Inside the room only. */
#ifndef MP_YOLO_KEYS_H
#define MP_YOLO_KEYS_H
#include "host/cfg.h"
#include "ops/yolo_loss.h"

typedef struct {
    yolo_rule rule; /* class_weight points to weight */
    float scale_x_y;
    int new_coords;
    int mapped;    /* has map=: only the host's own head follows that */
    float *weight; /* of counters_per_class; malloc'd */
} yolo_keys;

/* The section of layer `layer`, a [yolo] for `classes` classes. 0, or -1: no memory. */
int yolo_keys_of(const cfg_file *c, int layer, int classes, yolo_keys *out);
#endif
