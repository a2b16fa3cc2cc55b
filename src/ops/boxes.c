/* boxes.c - see boxes.h */
#include "ops/boxes.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

double box_iou_of(box_rect a, box_rect b) {
    double left = fmax((double)a.x - (double)a.w / 2, (double)b.x - (double)b.w / 2);
    double right = fmin((double)a.x + (double)a.w / 2, (double)b.x + (double)b.w / 2);
    double top = fmax((double)a.y - (double)a.h / 2, (double)b.y - (double)b.h / 2);
    double bottom = fmin((double)a.y + (double)a.h / 2, (double)b.y + (double)b.h / 2);
    if (!(right > left && bottom > top)) return 0;
    double both = (right - left) * (bottom - top);
    return both / ((double)a.w * (double)a.h + (double)b.w * (double)b.h - both);
}

static int compare_box(const scored_box *a, const scored_box *b) {
    if (a->image != b->image) return a->image < b->image ? -1 : 1;
    return memcmp(&a->box, &b->box, sizeof a->box);
}

/* Classes apart, then by falling score. */
static int by_score(const void *p, const void *q) {
    const scored_box *a = p, *b = q;
    if (a->cls != b->cls) return a->cls < b->cls ? -1 : 1;
    if (a->score != b->score) return a->score > b->score ? -1 : 1;
    return compare_box(a, b);
}

static int by_image(const void *p, const void *q) {
    const scored_box *a = p, *b = q;
    if (a->cls != b->cls) return a->cls < b->cls ? -1 : 1;
    return compare_box(a, b);
}

/* One class: its true boxes by image, its detections by score, for each detection the true box it overlaps most (-1: none). */
typedef struct {
    const scored_box *truth, *found;
    size_t n_truth, n_found;
    long *best;
    double *iou;
    char *taken;        /* (n_truth) */
    double *precision, *recall;
} one_class;

static size_t first_of_image(const one_class *c, int image) {
    size_t lo = 0, hi = c->n_truth;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (c->truth[mid].image < image) lo = mid + 1;
        else hi = mid;
    }
    return lo;
}

static void match(one_class *c) {
    for (size_t i = 0; i < c->n_found; i++) {
        c->best[i] = -1;
        c->iou[i] = 0;
        for (size_t t = first_of_image(c, c->found[i].image); t < c->n_truth && c->truth[t].image == c->found[i].image; t++) {
            double v = box_iou_of(c->found[i].box, c->truth[t].box);
            if (v <= c->iou[i]) continue;
            c->iou[i] = v;
            c->best[i] = (long)t;
        }
    }
}

/* Is detection i right? Takes its true box. Called in the order of the scores. */
static int right(one_class *c, size_t i, double threshold) {
    if (c->best[i] < 0 || !(c->iou[i] > threshold) || c->taken[c->best[i]]) return 0;
    c->taken[c->best[i]] = 1;
    return 1;
}

static double area(const one_class *c) {
    double sum = 0, before = 0;
    for (size_t i = 0; i < c->n_found; i++) {
        sum += (c->recall[i] - before) * c->precision[i];
        before = c->recall[i];
    }
    return sum;
}

static double mean_of_points(const one_class *c, int points) {
    double sum = 0;
    size_t i = 0;
    for (int k = 0; k < points; k++) {
        double r = (double)k / (points - 1);
        while (i < c->n_found && c->recall[i] < r) i++;
        if (i < c->n_found) sum += c->precision[i];
    }
    return sum / points;
}

static double average_precision(one_class *c, double threshold, int points) {
    size_t hits = 0;
    memset(c->taken, 0, c->n_truth);
    for (size_t i = 0; i < c->n_found; i++) {
        hits += (size_t)right(c, i, threshold);
        c->precision[i] = (double)hits / (double)(i + 1);
        c->recall[i] = (double)hits / (double)c->n_truth;
    }
    for (size_t i = c->n_found; i-- > 1;) c->precision[i - 1] = fmax(c->precision[i - 1], c->precision[i]);
    return points ? mean_of_points(c, points) : area(c);
}

static void measure_class(one_class *c, int points, float thresh, class_ap *out) {
    *out = (class_ap){.truths = c->n_truth, .detections = c->n_found};
    match(c);
    memset(c->taken, 0, c->n_truth);
    for (size_t i = 0; i < c->n_found && c->found[i].score >= thresh; i++) {
        int hit = right(c, i, 0.5);
        out->right += (size_t)hit;
        out->wrong += (size_t)!hit;
        if (hit) out->iou_sum += c->iou[i];
    }
    if (!c->n_truth) return;
    for (int k = 0; k < AP_IOUS; k++) out->ap[k] = average_precision(c, 0.5 + 0.05 * k, points);
}

static size_t end_of_class(const scored_box *b, size_t from, size_t n, int cls) {
    while (from < n && b[from].cls == cls) from++;
    return from;
}

int boxes_average_precision(scored_box *truth, size_t n_truth, scored_box *found, size_t n_found, int classes, int points,
                            float thresh, class_ap *out) {
    one_class c = {0};
    c.best = malloc((n_found + 1) * sizeof *c.best);
    c.iou = malloc((n_found + 1) * sizeof *c.iou);
    c.precision = malloc((n_found + 1) * sizeof *c.precision);
    c.recall = malloc((n_found + 1) * sizeof *c.recall);
    c.taken = malloc(n_truth + 1);
    int bad = c.best && c.iou && c.precision && c.recall && c.taken ? 0 : -1;
    if (n_truth) qsort(truth, n_truth, sizeof *truth, by_image);
    if (n_found) qsort(found, n_found, sizeof *found, by_score);
    size_t t = 0, f = 0;
    for (int k = 0; k < classes && !bad; k++) {
        c.truth = truth + t;
        c.found = found + f;
        c.n_truth = end_of_class(truth, t, n_truth, k) - t;
        c.n_found = end_of_class(found, f, n_found, k) - f;
        measure_class(&c, points, thresh, &out[k]);
        t += c.n_truth;
        f += c.n_found;
    }
    free(c.best);
    free(c.iou);
    free(c.precision);
    free(c.recall);
    free(c.taken);
    return bad;
}

double boxes_mean_ap(const class_ap *c, int classes, int iou, int all) {
    double sum = 0;
    int n = 0;
    for (int k = 0; k < classes; k++) {
        n += all || c[k].truths;
        for (int i = 0; i < AP_IOUS; i++) if (iou < 0 || i == iou) sum += c[k].ap[i] / (iou < 0 ? AP_IOUS : 1);
    }
    return n ? sum / n : 0;
}
