/* yolo_head.h - the [yolo] head of Darknet and of AlexeyAB's fork: from a layer's numbers to its
 * output, and from that to boxes.
 *
 * A head sees h x w cells with n anchors each; an anchor has `per` = 5 + classes numbers: x, y, w,
 * h, objectness, classes. Its output is the host's: float32, (batch, n * per, h, w), so that
 * programs on libdarknet.so read it as ever. With o for output and r for the number before:
 *
 *   new_coords=0   o = sigmoid(r) for x, y, objectness and classes; r for w and h
 *   new_coords=1   o = r: the layer before has activation=logistic
 *   both           then x and y: o * scale_x_y - (scale_x_y - 1)/2
 *   box            x = (column + o_x)/w, y = (row + o_y)/h in parts of the network's input; w =
 *                  exp(o_w) anchor_w/net_w, with new_coords 4 o_w^2 anchor_w/net_w; h the same
 *
 * Nothing here allocates, prints or fails. OpenMP over pictures; the same bits for any number of
 * threads. */
#ifndef MP_YOLO_HEAD_H
#define MP_YOLO_HEAD_H
#include "ops/boxes.h"

typedef struct {
    int batch, h, w;
    int classes;
    int n;              /* anchors of this head */
    const int *mask;    /* (n) their indices in sizes: mask= */
    int anchors;        /* of all heads: num= */
    const float *sizes; /* (anchors,2) width, height in pixels of the network's input: anchors= */
    int net_h, net_w;
    float scale_x_y;
    int new_coords;
} yolo_head;

static inline int yolo_per(const yolo_head *h) { return 5 + h->classes; }
static inline size_t yolo_cells(const yolo_head *h) { return (size_t)h->h * (size_t)h->w; }
static inline size_t yolo_len(const yolo_head *h) {
    return (size_t)h->batch * (size_t)h->n * (size_t)yolo_per(h) * yolo_cells(h);
}

/* How the numbers before the head, and their gradient, lie: as the host has them, or the engine. */
typedef enum { YOLO_NCHW, YOLO_NHWC } yolo_layout;

/* out (=) in the host's order; x in the order `from`. out may be x where both are the host's. */
void yolo_output(float *out, const float *x, const yolo_head *h, yolo_layout from);

/* The box of anchor k (of the mask) in a cell, relative to the network's input. `at` is its x in
 * the output; y, w and h follow, each `step` numbers on. */
box_rect yolo_box(const float *at, size_t step, const yolo_head *h, int k, int column, int row);

#endif
