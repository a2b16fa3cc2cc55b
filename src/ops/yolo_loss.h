/* yolo_loss.h - what a [yolo] head learns from true boxes, as AlexeyAB's fork has it (its commit
 * 59596d7; names are its cfg's keys).
 *
 * delta is MINUS the gradient, Darknet's sign, for the numbers before yolo_output. Let o be the
 * output's objectness, p its classes, b its box, t a true box, N the weight of its class (1 without
 * counters_per_class), and obj obj_normalizer.
 *
 * 1. Every anchor of every cell: u is its best IoU with a true box; m is u if a class has p > 0.25,
 *    else 0.
 *      delta_o = obj (0 - o)
 *      if m > ignore_thresh: 0, with objectness_smooth obj (m - o)
 *      if u > truth_thresh: obj (1 - o), with objectness_smooth obj (u^2 - o); class rule; with
 *      objectness_smooth the class gets N (u^2 - p); box rule
 * 2. Every true box, in order, in the cell of its centre. The anchor of all heads that is nearest
 *    in shape, if it is of this head; then, if iou_thresh < 1, the others of this head whose shape
 *    is nearer than that by iou_thresh_kind:
 *      box rule; delta_o = N obj (1 - o), with objectness_smooth only where it is 0; class rule
 * 3. If iou_thresh < 1: where delta_o is not 0, the deltas of x y w h are divided by the number of
 *    classes with a positive delta.
 *
 * Class rule. If the class has a delta already (a second box): that alone becomes N (y - p). Else
 *   y - p for all classes, the true one times N cls_normalizer if there are counters (without them
 *   cls_normalizer does nothing). y is 1 or 0, with label_smooth_eps y (1 - eps) + eps/2.
 *   focal_loss: (y - p) f/2 with f = (1 - q)(1 - q - 2 q ln q), q = p of the true class.
 * Box rule. Adds to what is there.
 *   mse: (2 - t_w t_h) iou_normalizer N (target - o) for x y w h, o the output's.
 *   others: iou_normalizer N times box_step (box_overlap.h), in w and h times exp(o) if
 *   new_coords=0; each within -+max_delta, and 0 if it is no number.
 *
 * Gradients of a loss are: delta_o and classes, of cross entropy by the sigmoid's input; with mse
 * and new_coords=0 w and h, of half the squared error, and with scale_x_y=1 x and y, of cross
 * entropy. No others: not x and y under scale_x_y, not focal_loss or objectness_smooth, and not
 * what is made of an IoU, where w and h are doubled and the slopes of the sigmoid, of the cells and
 * of the anchor's size are left out. They are the fork's: networks of that era train with them.
 *
 * plain=1: pjreddie's Darknet, which has mse alone, iou_normalizer=1 and none of the other keys. In
 * step 1 m is u, whatever the classes; the box rule replaces what is there, so that the last of
 * several boxes counts; and the class rule takes a delta of class 0 for one of the true class.
 *
 * Neither's: a true box whose centre lies outside the picture trains no cell (both write
 * beside the map); one without a size, or with a number that is none, is passed over. */
#ifndef MP_YOLO_LOSS_H
#define MP_YOLO_LOSS_H
#include "ops/box_overlap.h"
#include "ops/yolo_head.h"

typedef struct {
    int plain;                  /* as pjreddie's Darknet has it, see above */
    int mse;                    /* iou_loss=mse, else `measure` */
    box_measure measure, shape; /* iou_loss, iou_thresh_kind */
    float iou_normalizer, obj_normalizer, cls_normalizer;
    float ignore_thresh, truth_thresh, iou_thresh;
    float max_delta; /* INFINITY: none */
    float label_smooth_eps;
    int objectness_smooth, focal_loss;
    const float *class_weight; /* (classes) from yolo_class_weights; NULL: no counters */
    int show_details;          /* only says which figure is the cost */
    int max_boxes, truth_len;  /* of a picture: max=; floats of one: 5, or 6 in the fork */
} yolo_rule;

/* The fork's values for keys that a cfg leaves out. */
yolo_rule yolo_rule_default(void);
/* The only ones that go with plain=1, but for ignore_thresh and truth_thresh. */
yolo_rule yolo_rule_plain(void);

/* weight (=) (classes): the greatest counter over that of the class, at most max_delta. */
void yolo_class_weights(float *weight, const float *counters, int classes, float max_delta);

/* What the fork prints of a head, and its cost, which training's average loss is made of. */
typedef struct {
    size_t boxes;       /* anchors that a true box was given in step 2 */
    double average_iou; /* over them; 0 if there are none */
    double class_loss;  /* a picture's obj_normalizer * sum of delta^2 without x y w h */
    double iou_loss;    /* total_loss - class_loss */
    double total_loss;  /* a picture's sum of delta^2 */
    /* Of the batch. mse, or show_details=0: sum of delta^2. Else iou_normalizer * mean of 1 - IoU
     * (giou: 1 - GIoU) over `boxes`, + obj_normalizer * sum of delta^2 without x y w h. */
    double cost;
    size_t given, again; /* anchors given a box in steps 1 and 2; those that had one already */
} yolo_figures;

/* Bytes of scratch for yolo_loss. */
size_t yolo_scratch_len(const yolo_head *h, const yolo_rule *r);

/* delta (=) of yolo_len floats, in the order `to`; out from yolo_output; truth (batch, max_boxes,
 * truth_len): x y w h class in parts of the network's input, ended by x = 0. Boxes of a class that
 * the head does not have are passed over. */
void yolo_loss(float *delta, yolo_figures *f, const float *out, const float *truth,
               const yolo_head *h, const yolo_rule *r, yolo_layout to, void *scratch);
#endif
