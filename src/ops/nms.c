/* nms.c - see nms.h */
#include "ops/nms.h"
#include "ops/box_overlap.h"
#include <string.h>

enum { OBJECTNESS = 4, CLASS = 5 };

typedef struct {
    float *rows;
    size_t per, column;
} table;

static float score(const table *t, size_t row) { return t->rows[row * t->per + t->column]; }

static int better(const table *t, size_t a, size_t b) {
    float x = score(t, a), y = score(t, b);
    return x != y ? x > y : a < b;
}

static void sink(const table *t, size_t *heap, size_t at, size_t n) {
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && better(t, heap[child], heap[child + 1])) child++;
        if (better(t, heap[child], heap[at])) return;
        size_t row = heap[at];
        heap[at] = heap[child];
        heap[child] = row;
    }
}

/* Best first: a heap sort, whose root is the worst. */
static void sort(const table *t, size_t *order, size_t n) {
    for (size_t i = n / 2; i-- > 0;) sink(t, order, i, n);
    for (size_t i = n; i-- > 1;) {
        size_t row = order[0];
        order[0] = order[i];
        order[i] = row;
        sink(t, order, 0, i);
    }
}

static box_rect box_of(const table *t, size_t row) {
    const float *r = t->rows + row * t->per;
    return (box_rect){r[0], r[1], r[2], r[3]};
}

static int too_near(box_rect a, box_rect b, const nms_rule *r) {
    if (r->kind == NMS_DEFAULT || r->kind == NMS_OBJECTNESS)
        return box_overlap(a, b, BOX_IOU) > r->thresh;
    /* The distance only takes away: most pairs are settled without a power. */
    if (!(box_overlap(a, b, BOX_IOU) > r->thresh)) return 0;
    return box_distance_iou(a, b, r->kind == NMS_GREEDY ? 0.6f : r->beta) > r->thresh;
}

/* Those of order[] that stay, best first, are the ones to hold the rest against. */
static void one_column(const table *t, size_t n, const nms_rule *r, size_t *order) {
    size_t left = 0, kept = 0;
    for (size_t i = 0; i < n; i++)
        if (score(t, i) != 0) order[left++] = i;
    sort(t, order, left);
    for (size_t i = 0; i < left; i++) {
        size_t k = 0;
        box_rect b = box_of(t, order[i]);
        while (k < kept && !too_near(box_of(t, order[k]), b, r)) k++;
        float *row = t->rows + order[i] * t->per;
        if (k == kept)
            order[kept++] = order[i];
        else if (t->column == OBJECTNESS)
            memset(row + OBJECTNESS, 0, (t->per - OBJECTNESS) * sizeof *row);
        else
            row[t->column] = 0;
    }
}

void nms(float *rows, size_t n, int classes, const nms_rule *rule, size_t *order) {
    table t = {rows, CLASS + (size_t)classes, OBJECTNESS};
    if (rule->kind == NMS_OBJECTNESS) {
        one_column(&t, n, rule, order);
        return;
    }
    for (t.column = CLASS; t.column < t.per; t.column++) one_column(&t, n, rule, order);
}
