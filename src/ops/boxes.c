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

/* One class: its true boxes by image, its detections by score, for each detection the true box it
 * overlaps most (-1: none). */
typedef struct {
    const scored_box *truth, *found;
    size_t n_truth, n_found;
    long *best;
    double *iou;
    char *taken; /* (n_truth) */
    double *precision, *recall;
} one_class;

static size_t first_of_image(const one_class *c, int image) {
    size_t lo = 0, hi = c->n_truth;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (c->truth[mid].image < image)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* The true box that d overlaps most, -1: none; *iou: by how much. */
static long best_of(const one_class *c, const scored_box *d, double *iou) {
    long best = -1;
    *iou = 0;
    for (size_t t = first_of_image(c, d->image); t < c->n_truth && c->truth[t].image == d->image;
         t++) {
        double v = box_iou_of(d->box, c->truth[t].box);
        if (v <= *iou) continue;
        *iou = v;
        best = (long)t;
    }
    return best;
}

static void match(one_class *c) {
    for (size_t i = 0; i < c->n_found; i++) c->best[i] = best_of(c, &c->found[i], &c->iou[i]);
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
    for (size_t i = c->n_found; i-- > 1;)
        c->precision[i - 1] = fmax(c->precision[i - 1], c->precision[i]);
    return points ? mean_of_points(c, points) : area(c);
}

static void count(class_ap *out, int hit, double iou) {
    out->right += (size_t)hit;
    out->wrong += (size_t)!hit;
    if (hit) out->iou_sum += iou;
}

static void count_by_score(one_class *c, const ap_rule *rule, class_ap *out) {
    memset(c->taken, 0, c->n_truth);
    for (size_t i = 0; i < c->n_found && c->found[i].score >= rule->thresh; i++)
        count(out, right(c, i, rule->iou), c->iou[i]);
}

/* found: all classes, in the order given. */
static void count_in_rows(const scored_box *truth, size_t n_truth, const scored_box *found,
                          size_t n_found, const size_t *start, const ap_rule *rule, char *taken,
                          class_ap *out) {
    memset(taken, 0, n_truth);
    for (size_t i = 0; i < n_found; i++) {
        const scored_box *d = &found[i];
        size_t from = start[d->cls];
        one_class c = {.truth = truth + from, .n_truth = start[d->cls + 1] - from};
        double iou;
        long best = best_of(&c, d, &iou);
        int fits = best >= 0 && iou > rule->iou, hit = fits && !taken[from + (size_t)best];
        if (fits) taken[from + (size_t)best] = 1;
        if (d->score > rule->thresh) count(&out[d->cls], hit, iou);
    }
}

static void measure_class(one_class *c, const ap_rule *rule, class_ap *out) {
    out->truths = c->n_truth;
    out->detections = c->n_found;
    match(c);
    if (!rule->in_rows) count_by_score(c, rule, out);
    if (!c->n_truth) return;
    for (int k = 0; k < AP_IOUS; k++)
        out->ap[k] = average_precision(c, 0.5 + 0.05 * k, rule->points);
    out->ap_at = average_precision(c, rule->iou, rule->points);
}

/* start[k]: where class k begins in a list sorted by class; start[classes]: its end. */
static void starts(const scored_box *b, size_t n, int classes, size_t *start) {
    size_t at = 0;
    for (int k = 0; k <= classes; k++) {
        while (at < n && b[at].cls < k) at++;
        start[k] = at;
    }
}

int boxes_average_precision(scored_box *truth, size_t n_truth, scored_box *found, size_t n_found,
                            int classes, const ap_rule *rule, class_ap *out) {
    one_class c = {0};
    size_t *t = malloc(((size_t)classes + 1) * sizeof *t),
           *f = malloc(((size_t)classes + 1) * sizeof *f);
    c.best = malloc((n_found + 1) * sizeof *c.best);
    c.iou = malloc((n_found + 1) * sizeof *c.iou);
    c.precision = malloc((n_found + 1) * sizeof *c.precision);
    c.recall = malloc((n_found + 1) * sizeof *c.recall);
    c.taken = malloc(n_truth + 1);
    int bad = t && f && c.best && c.iou && c.precision && c.recall && c.taken ? 0 : -1;
    memset(out, 0, (size_t)classes * sizeof *out);
    if (!bad) {
        if (n_truth) qsort(truth, n_truth, sizeof *truth, by_image);
        starts(truth, n_truth, classes, t);
        if (rule->in_rows) count_in_rows(truth, n_truth, found, n_found, t, rule, c.taken, out);
        if (n_found) qsort(found, n_found, sizeof *found, by_score);
        starts(found, n_found, classes, f);
    }
    for (int k = 0; k < classes && !bad; k++) {
        c.truth = truth + t[k];
        c.found = found + f[k];
        c.n_truth = t[k + 1] - t[k];
        c.n_found = f[k + 1] - f[k];
        measure_class(&c, rule, &out[k]);
    }
    free(t);
    free(f);
    free(c.best);
    free(c.iou);
    free(c.precision);
    free(c.recall);
    free(c.taken);
    return bad;
}

static double ap_of(const class_ap *c, int iou) {
    if (iou == AP_AT) return c->ap_at;
    double sum = 0;
    for (int i = 0; i < AP_IOUS; i++)
        if (iou < 0 || i == iou) sum += c->ap[i] / (iou < 0 ? AP_IOUS : 1);
    return sum;
}

double boxes_mean_ap(const class_ap *c, int classes, int iou, int all) {
    double sum = 0;
    int n = 0;
    for (int k = 0; k < classes; k++) {
        n += all || c[k].truths;
        sum += ap_of(&c[k], iou);
    }
    return n ? sum / n : 0;
}
