/* box_overlap.c - see box_overlap.h. In double: slopes are small differences of large products. */
#include "ops/box_overlap.h"
#include <math.h>

#define PI_SQUARED 9.869604401089358

/* One side of two boxes: how far they overlap (negative: a gap), how long both are together; and
 * their slopes when the first box moves, and when it grows at both ends, by one each. */
typedef struct {
    double overlap, overlap_move, overlap_grow, both, both_move, both_grow;
} side;

static side side_of(double x, double w, double xt, double wt) {
    double l = x - w / 2, r = x + w / 2, lt = xt - wt / 2, rt = xt + wt / 2;
    int left_in = l > lt, right_in = r < rt, left_out = l<lt, right_out = r> rt;
    return (side){
        .overlap = fmin(r, rt) - fmax(l, lt),
        .overlap_move = right_in - left_in,
        .overlap_grow = right_in + left_in,
        .both = fmax(r, rt) - fmin(l, lt),
        .both_move = right_out - left_out,
        .both_grow = right_out + left_out,
    };
}

/* Two boxes: their sides, the product of the overlaps (where both are negative too), the area of
 * the union by it. */
typedef struct {
    side x, y;
    int meet;
    double w, h, wt, ht, overlap, all, d2, c2;
    double right, down; /* from the first centre to the second */
} two_boxes;

static two_boxes both_of(box_rect a, box_rect b) {
    two_boxes t = {.w = (double)a.w, .h = (double)a.h, .wt = (double)b.w, .ht = (double)b.h};
    t.x = side_of((double)a.x, t.w, (double)b.x, t.wt);
    t.y = side_of((double)a.y, t.h, (double)b.y, t.ht);
    t.meet = t.x.overlap > 0 && t.y.overlap > 0;
    t.overlap = t.x.overlap * t.y.overlap;
    t.all = t.w * t.h + t.wt * t.ht - t.overlap;
    t.right = (double)b.x - (double)a.x;
    t.down = (double)b.y - (double)a.y;
    t.d2 = t.right * t.right + t.down * t.down;
    t.c2 = t.x.both * t.x.both + t.y.both * t.y.both;
    return t;
}

static double iou_of(const two_boxes *t) { return t->meet && t->all > 0 ? t->overlap / t->all : 0; }

static double giou_of(const two_boxes *t) {
    double hull = t->x.both * t->y.both,
           all = t->w * t->h + t->wt * t->ht - (t->meet ? t->overlap : 0);
    return hull == 0 ? iou_of(t) : iou_of(t) - (hull - all) / hull;
}

static double diou_of(const two_boxes *t, double power) {
    return t->c2 == 0 ? iou_of(t) : iou_of(t) - pow(t->d2 / t->c2, power);
}

/* alpha, and the difference of the two angles. */
static double aspect(const two_boxes *t, double iou, double *apart) {
    *apart = atan(t->wt / t->ht) - atan(t->w / t->h);
    double v = 4 / PI_SQUARED * *apart * *apart;
    return v / (1 - iou + v + 1e-6);
}

float box_overlap(box_rect a, box_rect b, box_measure m) {
    two_boxes t = both_of(a, b);
    if (m == BOX_IOU) return (float)iou_of(&t);
    if (m == BOX_GIOU) return (float)giou_of(&t);
    if (m == BOX_DIOU) return (float)diou_of(&t, 0.6);
    double apart, alpha = aspect(&t, iou_of(&t), &apart);
    return (float)(diou_of(&t, 1) - alpha * 4 / PI_SQUARED * apart * apart);
}

typedef struct {
    double x, y, w, h;
} step;
static step add(step a, step b) { return (step){a.x + b.x, a.y + b.y, a.w + b.w, a.h + b.h}; }

/* Of overlap/all, when the overlap grows by `overlap` and the first box by `area`. */
static double iou_slope(const two_boxes *t, double overlap, double area) {
    return t->all > 0 ? (t->all * overlap - t->overlap * (area - overlap)) / (t->all * t->all) : 0;
}

static step iou_step(const two_boxes *t) {
    const side *x = &t->x, *y = &t->y;
    return (step){iou_slope(t, x->overlap_move * y->overlap, 0),
                  iou_slope(t, y->overlap_move * x->overlap, 0),
                  iou_slope(t, x->overlap_grow * y->overlap, 2 * t->h),
                  iou_slope(t, y->overlap_grow * x->overlap, 2 * t->w)};
}

/* Of all/hull, the hull growing by `grown` as well. */
static double hull_slope(const two_boxes *t, double overlap, double area, double grown) {
    double hull = t->x.both * t->y.both;
    return hull > 0 ? (hull * (area - overlap) - t->all * grown) / (hull * hull) : 0;
}

static step hull_step(const two_boxes *t) {
    const side *x = &t->x, *y = &t->y;
    return (step){hull_slope(t, x->overlap_move * y->overlap, 0, x->both_move * y->both),
                  hull_slope(t, y->overlap_move * x->overlap, 0, y->both_move * x->both),
                  hull_slope(t, x->overlap_grow * y->overlap, 2 * t->h, x->both_grow * y->both),
                  hull_slope(t, y->overlap_grow * x->overlap, 2 * t->w, y->both_grow * x->both)};
}

static step distance_step(const two_boxes *t) {
    const side *x = &t->x, *y = &t->y;
    double share = t->d2 / t->c2;
    if (!(t->c2 > 0)) return (step){0};
    return (step){2 * (t->right - share * x->both * x->both_move) / t->c2,
                  2 * (t->down - share * y->both * y->both_move) / t->c2,
                  share * x->both * x->both_grow / t->c2, share * y->both * y->both_grow / t->c2};
}

static step aspect_step(const two_boxes *t) {
    double apart, alpha = aspect(t, t->all > 0 ? t->overlap / t->all : 0, &apart),
                  s = 8 / PI_SQUARED * alpha * apart;
    return (step){0, 0, s * t->h, -s * t->w};
}

box_rect box_step(box_rect a, box_rect b, box_measure m) {
    two_boxes t = both_of(a, b);
    step s = {0};
    if (m == BOX_IOU || t.meet) s = iou_step(&t);
    if (m == BOX_GIOU) s = add(s, hull_step(&t));
    if (m == BOX_DIOU || m == BOX_CIOU) s = add(s, distance_step(&t));
    if (m == BOX_CIOU) s = add(s, aspect_step(&t));
    return (box_rect){(float)s.x, (float)s.y, (float)s.w, (float)s.h};
}
