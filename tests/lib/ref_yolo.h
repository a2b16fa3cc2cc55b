/* ref_yolo.h - a [yolo] head in double, cell by cell and rule by rule; slopes of boxes are finite
 * differences. */
#ifndef REF_YOLO_H
#define REF_YOLO_H
#include "ops/yolo_loss.h"

double ref_iou(const double a[4], const double b[4]);
double ref_giou(const double a[4], const double b[4]);
/* box_step in double, by finite differences of ref_iou, ref_giou and the squared distances. */
void ref_step(double step[4], const double a[4], const double b[4], box_measure m);

/* out (=) from raw, both (batch, n * per, h, w). */
void ref_yolo_output(double *out, const double *raw, const yolo_head *h);

/* What a number of the raw input is trained towards, while nothing else moves. */
typedef enum { AIM_NONE, AIM_ENTROPY, AIM_SQUARE, AIM_OTHER } ref_aim_kind;
typedef struct {
    ref_aim_kind kind;
    double target, weight;
} ref_aim;

/* delta (=) and aims (=), the latter for rules that are gradients of a loss (yolo_loss.h); given by
 * two boxes: AIM_OTHER. */
void ref_yolo_delta(double *delta, ref_aim *aims, const double *out, const float *truth,
                    const yolo_head *h, const yolo_rule *r);

/* Sum over numbers of weight * cross entropy of sigmoid(raw), or of weight/2 * (target - raw)^2. */
double ref_yolo_loss(const double *raw, const ref_aim *aims, size_t n);
#endif
