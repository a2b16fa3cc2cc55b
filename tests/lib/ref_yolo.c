/* ref_yolo.c - see ref_yolo.h */
#include "ref_yolo.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double span(double a, double aw, double b, double bw) {
    return fmin(a + aw / 2, b + bw / 2) - fmax(a - aw / 2, b - bw / 2);
}
static double hull(double a, double aw, double b, double bw) {
    return fmax(a + aw / 2, b + bw / 2) - fmin(a - aw / 2, b - bw / 2);
}

/* The overlap, as it is where there is none. */
static double product(const double a[4], const double b[4]) {
    return span(a[0], a[2], b[0], b[2]) * span(a[1], a[3], b[1], b[3]);
}
static int meet(const double a[4], const double b[4]) {
    return span(a[0], a[2], b[0], b[2]) > 0 && span(a[1], a[3], b[1], b[3]) > 0;
}
static double together(const double a[4], const double b[4]) {
    return a[2] * a[3] + b[2] * b[3] - product(a, b);
}
static double share(const double a[4], const double b[4]) {
    return together(a, b) > 0 ? product(a, b) / together(a, b) : 0;
}

double ref_iou(const double a[4], const double b[4]) { return meet(a, b) ? share(a, b) : 0; }

static double outside(const double a[4], const double b[4]) {
    return together(a, b) / (hull(a[0], a[2], b[0], b[2]) * hull(a[1], a[3], b[1], b[3])) - 1;
}

double ref_giou(const double a[4], const double b[4]) {
    double c = hull(a[0], a[2], b[0], b[2]) * hull(a[1], a[3], b[1], b[3]),
           all = a[2] * a[3] + b[2] * b[3] - (meet(a, b) ? product(a, b) : 0);
    return ref_iou(a, b) - (c - all) / c;
}

static double distance2(const double a[4], const double b[4]) {
    return pow(a[0] - b[0], 2) + pow(a[1] - b[1], 2);
}
static double diagonal2(const double a[4], const double b[4]) {
    return pow(hull(a[0], a[2], b[0], b[2]), 2) + pow(hull(a[1], a[3], b[1], b[3]), 2);
}

static double slope(double f(const double *, const double *), const double a[4], const double b[4],
                    int i) {
    double h = 1e-6 * fmax(a[2], 1e-2), at[4], up, down;
    memcpy(at, a, sizeof at);
    at[i] = a[i] + h;
    up = f(at, b);
    at[i] = a[i] - h;
    down = f(at, b);
    return (up - down) / (2 * h);
}

static void aspect(double step[4], const double a[4], const double b[4]) {
    double apart = atan(b[2] / b[3]) - atan(a[2] / a[3]), v = 4 / (M_PI * M_PI) * apart * apart;
    double alpha = v / (1 - share(a, b) + v + 1e-6);
    step[2] += alpha * 8 / (M_PI * M_PI) * apart * a[3];
    step[3] -= alpha * 8 / (M_PI * M_PI) * apart * a[2];
}

void ref_step(double step[4], const double a[4], const double b[4], box_measure m) {
    double d2 = distance2(a, b), c2 = diagonal2(a, b);
    for (int i = 0; i < 4; i++) {
        int twice = i < 2 ? 1 : 2;
        step[i] = m == BOX_IOU || meet(a, b) ? twice * slope(share, a, b, i) : 0;
        if (m == BOX_GIOU) step[i] += twice * slope(outside, a, b, i);
        if (m != BOX_DIOU && m != BOX_CIOU) continue;
        double of_c2 = d2 * slope(diagonal2, a, b, i) / (c2 * c2);
        step[i] += -slope(distance2, a, b, i) / c2 + (i < 2 ? -of_c2 : of_c2);
    }
    if (m == BOX_CIOU) aspect(step, a, b);
}

/* ---- the head ------------------------------------------------------------------------------- */

static size_t at_of(const yolo_head *h, int b, int k, int number, int y, int x) {
    size_t plane = ((size_t)b * (size_t)h->n + (size_t)k) * (size_t)yolo_per(h) + (size_t)number;
    return (plane * (size_t)h->h + (size_t)y) * (size_t)h->w + (size_t)x;
}

void ref_yolo_output(double *out, const double *raw, const yolo_head *h) {
    for (size_t i = 0; i < yolo_len(h); i++) {
        size_t number = i / yolo_cells(h) % (size_t)yolo_per(h);
        double s = (double)h->scale_x_y;
        out[i] = h->new_coords || number == 2 || number == 3 ? raw[i] : 1 / (1 + exp(-raw[i]));
        if (number < 2) out[i] = out[i] * s - (s - 1) / 2;
    }
}

typedef struct {
    double *delta;
    ref_aim *aims;
    const double *out;
    const yolo_head *h;
    const yolo_rule *r;
    int b;
} state;

static void box_at(double box[4], const state *s, int k, int y, int x) {
    const yolo_head *h = s->h;
    for (int i = 0; i < 4; i++) {
        double o = s->out[at_of(h, s->b, k, i, y, x)];
        double size = i < 2 ? 0
                            : (double)h->sizes[2 * h->mask[k] + i - 2] /
                                  (i == 2 ? h->net_w : h->net_h);
        box[i] = i == 0          ? (x + o) / h->w
                 : i == 1        ? (y + o) / h->h
                 : h->new_coords ? 4 * o * o * size
                                 : exp(o) * size;
    }
}

static void put(const state *s, size_t i, double d, ref_aim_kind kind, double target,
                double weight) {
    s->delta[i] = d;
    s->aims[i] = (ref_aim){kind, target, weight};
}

static double weight_of(const yolo_rule *r, int cls) {
    return r->class_weight ? (double)r->class_weight[cls] : 1;
}

static void learn_class(const state *s, int k, int y, int x, int cls) {
    const yolo_rule *r = s->r;
    double eps = (double)r->label_smooth_eps, n = weight_of(r, cls);
    size_t own = at_of(s->h, s->b, k, 5 + cls, y, x);
    double q = s->out[own], focal = -(1 - q) * (2 * q * log(q) + q - 1);
    if (s->delta[own] != 0) {
        double target = 1 - eps + eps / 2;
        put(s, own, n * (target - q), AIM_ENTROPY, target, n);
        return;
    }
    for (int c = 0; c < s->h->classes; c++) {
        size_t i = at_of(s->h, s->b, k, 5 + c, y, x);
        double one = c == cls, target = r->focal_loss ? one : one * (1 - eps) + eps / 2;
        double w = r->focal_loss                 ? focal / 2
                   : c == cls && r->class_weight ? n * (double)r->cls_normalizer
                                                 : 1;
        put(s, i, w * (target - s->out[i]), r->focal_loss ? AIM_OTHER : AIM_ENTROPY, target, w);
    }
}

static void learn_box(const state *s, int k, int y, int x, const double t[4], int cls) {
    const yolo_head *h = s->h;
    const yolo_rule *r = s->r;
    double a[4], step[4] = {0}, rate = (double)r->iou_normalizer * weight_of(r, cls),
                 most = (double)r->max_delta;
    box_at(a, s, k, y, x);
    if (!r->mse) ref_step(step, a, t, r->measure);
    for (int i = 0; i < 4; i++) {
        size_t at = at_of(h, s->b, k, i, y, x);
        double size = i < 2 ? 0
                            : (double)h->sizes[2 * h->mask[k] + i - 2] /
                                  (i == 2 ? h->net_w : h->net_h);
        double target = i == 0          ? t[0] * h->w - x
                        : i == 1        ? t[1] * h->h - y
                        : h->new_coords ? sqrt(t[i] / size) / 2
                                        : log(t[i] / size);
        double scale = (2 - t[2] * t[3]) * rate, d = scale * (target - s->out[at]);
        if (!r->mse)
            d = fmin(most,
                     fmax(-most, rate * step[i] * (i < 2 || h->new_coords ? 1 : exp(s->out[at]))));
        int own = r->mse && !h->new_coords && s->delta[at] == 0;
        put(s, at, s->delta[at] + d,
            !own                ? AIM_OTHER
            : i >= 2            ? AIM_SQUARE
            : h->scale_x_y == 1 ? AIM_ENTROPY
                                : AIM_OTHER,
            target, scale);
    }
}

static int valid(const float *t, const yolo_head *h) {
    return t[4] >= 0 && t[4] < (float)h->classes;
}

static void search(const state *s, const float *truth, int k, int y, int x) {
    const yolo_head *h = s->h;
    const yolo_rule *r = s->r;
    double a[4], best = 0, o = s->out[at_of(h, s->b, k, 4, y, x)], n = (double)r->obj_normalizer,
                 d = -n * o;
    const float *whose = NULL;
    int sure = 0;
    box_at(a, s, k, y, x);
    for (int i = 0; i < r->max_boxes && truth[i * r->truth_len] != 0; i++) {
        const float *t = truth + i * r->truth_len;
        double b[4] = {(double)t[0], (double)t[1], (double)t[2], (double)t[3]},
               iou = valid(t, h) ? ref_iou(a, b) : 0;
        if (iou > best) best = iou, whose = t;
    }
    for (int c = 0; c < h->classes; c++) sure |= s->out[at_of(h, s->b, k, 5 + c, y, x)] > 0.25;
    size_t at = at_of(h, s->b, k, 4, y, x);
    put(s, at, d, AIM_ENTROPY, 0, n);
    if (sure && best > (double)r->ignore_thresh) {
        if (!r->objectness_smooth)
            put(s, at, 0, AIM_NONE, 0, 0);
        else if (n * (best - o) > d)
            put(s, at, n * (best - o), AIM_OTHER, 0, 0);
    }
    if (!(best > (double)r->truth_thresh)) return;
    double b[4] = {(double)whose[0], (double)whose[1], (double)whose[2], (double)whose[3]},
           goal = r->objectness_smooth ? best * best : 1;
    int cls = (int)whose[4];
    put(s, at, n * (goal - o), r->objectness_smooth ? AIM_OTHER : AIM_ENTROPY, goal, n);
    learn_class(s, k, y, x, cls);
    size_t own = at_of(h, s->b, k, 5 + cls, y, x);
    if (r->objectness_smooth)
        put(s, own, weight_of(r, cls) * (best * best - s->out[own]), AIM_OTHER, 0, 0);
    learn_box(s, k, y, x, b, cls);
}

static double alike(const yolo_head *h, int anchor, const double t[4], box_measure m) {
    double a[4] = {0, 0, (double)h->sizes[2 * anchor] / h->net_w,
                   (double)h->sizes[2 * anchor + 1] / h->net_h},
           b[4] = {0, 0, t[2], t[3]};
    double iou = ref_iou(a, b), apart = atan(b[2] / b[3]) - atan(a[2] / a[3]),
           v = 4 / (M_PI * M_PI) * apart * apart;
    return m == BOX_GIOU   ? ref_giou(a, b)
           : m == BOX_CIOU ? iou - v * v / (1 - iou + v + 1e-6)
                           : iou;
}

static void assign(const state *s, const float *truth) {
    const yolo_head *h = s->h;
    const yolo_rule *r = s->r;
    double t[4] = {(double)truth[0], (double)truth[1], (double)truth[2], (double)truth[3]};
    int x = (int)floor(t[0] * h->w), y = (int)floor(t[1] * h->h), cls = (int)truth[4], best = 0;
    if (!valid(truth, h) || x < 0 || y < 0 || x >= h->w || y >= h->h) return;
    for (int i = 1; i < h->anchors; i++)
        if (alike(h, i, t, BOX_IOU) > alike(h, best, t, BOX_IOU)) best = i;
    for (int turn = 0; turn < 2; turn++)
        for (int k = 0; k < h->n; k++) {
            int same = h->mask[k] == best,
                more = r->iou_thresh < 1 &&
                       alike(h, h->mask[k], t, r->shape) > (double)r->iou_thresh;
            if (turn == 0 ? !same : same || !more) continue;
            size_t at = at_of(h, s->b, k, 4, y, x);
            double w = weight_of(r, cls) * (double)r->obj_normalizer;
            learn_box(s, k, y, x, t, cls);
            if (!r->objectness_smooth || s->delta[at] == 0)
                put(s, at, w * (1 - s->out[at]), AIM_ENTROPY, 1, w);
            learn_class(s, k, y, x, cls);
        }
}

static void divide(const state *s, int k, int y, int x) {
    int positive = 0;
    for (int c = 0; c < s->h->classes; c++)
        positive += s->delta[at_of(s->h, s->b, k, 5 + c, y, x)] > 0;
    if (!positive || s->delta[at_of(s->h, s->b, k, 4, y, x)] == 0) return;
    for (int i = 0; i < 4; i++) {
        size_t at = at_of(s->h, s->b, k, i, y, x);
        s->delta[at] /= positive;
        s->aims[at].weight /= positive;
    }
}

void ref_yolo_delta(double *delta, ref_aim *aims, const double *out, const float *truth,
                    const yolo_head *h, const yolo_rule *r) {
    memset(delta, 0, yolo_len(h) * sizeof *delta);
    memset(aims, 0, yolo_len(h) * sizeof *aims);
    for (int b = 0; b < h->batch; b++, truth += r->max_boxes * r->truth_len) {
        state s = {delta, aims, out, h, r, b};
        for (int k = 0; k < h->n; k++)
            for (int y = 0; y < h->h; y++)
                for (int x = 0; x < h->w; x++) search(&s, truth, k, y, x);
        for (int i = 0; i < r->max_boxes && truth[i * r->truth_len] != 0; i++)
            assign(&s, truth + i * r->truth_len);
        if (r->iou_thresh >= 1) continue;
        for (int k = 0; k < h->n; k++)
            for (int y = 0; y < h->h; y++)
                for (int x = 0; x < h->w; x++) divide(&s, k, y, x);
    }
}

double ref_yolo_loss(const double *raw, const ref_aim *aims, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double p = 1 / (1 + exp(-raw[i])), t = aims[i].target;
        if (aims[i].kind == AIM_ENTROPY) sum -= aims[i].weight * (t * log(p) + (1 - t) * log1p(-p));
        if (aims[i].kind == AIM_SQUARE) sum += aims[i].weight / 2 * (t - raw[i]) * (t - raw[i]);
    }
    return sum;
}
