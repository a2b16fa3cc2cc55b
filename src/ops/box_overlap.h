/* box_overlap.h - the four measures that YOLOv4's heads compare boxes by, and the step that
 * AlexeyAB's fork trains a box with.
 *
 *   iou    overlap over union
 *   giou   iou - (C - U)/C            C: area of the least box around both, U: of their union
 *   diou   iou - (d2/c2)^0.6          d2: squared distance of the centres
 *                                     c2: squared diagonal of the least box around both
 *   ciou   iou - d2/c2 - alpha v      v = 4/pi^2 (atan(wt/ht) - atan(w/h))^2
 *                                     alpha = v/(1 - iou + v + 1e-6)
 *
 * After Rezatofighi et al., CVPR 2019, and Zheng et al., AAAI 2020; the power in diou is the
 * fork's. Boxes as in boxes.h. */
#ifndef MP_BOX_OVERLAP_H
#define MP_BOX_OVERLAP_H
#include "ops/boxes.h"

typedef enum { BOX_IOU, BOX_GIOU, BOX_DIOU, BOX_CIOU } box_measure;

float box_overlap(box_rect a, box_rect b, box_measure m);

/* The step of the fork for the box a towards the box b, to be added to a's x, y, w, h up to a rate:
 *   iou, giou   x and y: the derivative of the measure; w and h: twice that
 *   diou        iou's; w and h: plus the derivative of -(d2/c2), without the power; x and y: plus
 *               the same with the sign of c2's part reversed
 *   ciou        diou's; w: plus 8/pi^2 alpha (atan(wt/ht) - atan(w/h)) h; h: minus that with w for
 *               h. Not divided by w^2 + h^2, and alpha taken as a constant.
 * So only iou's and giou's are gradients of a loss, and these up to the factor 2 in w and h. Boxes
 * that do not meet: giou, diou and ciou keep the part that iou does not have; iou, and alpha, take
 * the product of the two overlaps as it is (0 if the union by it is not above 0). */
box_rect box_step(box_rect a, box_rect b, box_measure m);
#endif
