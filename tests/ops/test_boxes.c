/* test_boxes.c - overlap and average precision: a case worked out by hand, and a second program,
 * written another way, on random boxes. */
#include "ops/boxes.h"
#include "test.h"
#include <stdint.h>

static uint32_t state = 7;
static double uniform(void) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return (state >> 8) / 16777216.0;
}

static int close_to(double a, double b) { return fabs(a - b) < 1e-6; }

/* Two unit squares, the second moved by (dx, dy). */
static double moved(double dx, double dy) {
    return box_iou_of((box_rect){0.5f, 0.5f, 1, 1},
                      (box_rect){(float)(0.5 + dx), (float)(0.5 + dy), 1, 1});
}

static void overlap(void) {
    CHECK(close_to(moved(0, 0), 1), "%f", moved(0, 0));
    CHECK(close_to(moved(0.5, 0), 1.0 / 3), "%f", moved(0.5, 0));
    CHECK(close_to(moved(0.5, -0.5), 0.25 / 1.75), "%f", moved(0.5, -0.5));
    CHECK(moved(1, 0) == 0 && moved(0, 3) == 0, "apart");
    CHECK(box_iou_of((box_rect){0, 0, 0, 0}, (box_rect){0, 0, 0, 0}) == 0, "empty boxes");
    CHECK(close_to(box_iou_of((box_rect){0, 0, 2, 2}, (box_rect){0, 0, 1, 1}), 0.25), "inside");
}

/* Class 0: boxes A, B in picture 0, C in picture 1. By score: .9 right (A), .8 wrong, .7 A again:
 * wrong, .6 right (C), .5 finds nothing; B is missed. Precision 1, 1/2, 1/3, 1/2, 2/5 at recall
 * 1/3, 1/3, 1/3, 2/3, 2/3. Area: 1/3 * 1 + 1/3 * 1/2 = 1/2. 11 points: recall 0, .1, .2, .3 give 1,
 * .4, .5, .6 give 1/2: (4 + 1.5) / 11 = 1/2. 101 points: 34 (0 .. .33) * 1 + 33 (.34 .. .66) * 1/2
 * = 50.5 / 101 = 1/2. Class 1 is found in a picture without it. */
static void by_hand(void) {
    box_rect A = {0.2f, 0.2f, 0.2f, 0.2f}, B = {0.7f, 0.7f, 0.2f, 0.2f},
             none = {0.45f, 0.9f, 0.1f, 0.1f};
    scored_box truth[] = {{0, 0, 0, A}, {1, 0, 0, B}, {0, 0, 0, B}, {1, 2, 0, A}};
    box_rect near = A;
    near.x += 0.02f; /* IoU 0.18/0.22 = 0.818: right up to a threshold of 0.80 */
    scored_box found[] = {{1, 0, 0.5f, none}, {0, 0, 0.7f, A},    {1, 0, 0.6f, B},
                          {0, 1, 0.9f, A},    {0, 0, 0.8f, none}, {0, 0, 0.9f, near}};
    class_ap c[3];
    for (int points = 0; points <= 101; points += points ? 90 : 11) {
        ap_rule rule = {points, 0.65f, 0.5, 0};
        CHECK(!boxes_average_precision(truth, 4, found, 6, 3, &rule, c), "memory");
        CHECK(close_to(c[0].ap[0], 0.5) && c[0].truths == 3 && c[0].detections == 5,
              "%d points: AP %f of %zu", points, c[0].ap[0], c[0].truths);
        CHECK(close_to(c[0].ap[6], 0.5), "IoU 0.80: %f", c[0].ap[6]);
        /* At 0.85 the first detection is wrong and the third takes A: precision 0, 0, 1/3, 1/2 at
         * recall 0, 0, 1/3, 2/3. */
        if (!points) CHECK(close_to(c[0].ap[7], 1.0 / 3), "IoU 0.85: %f", c[0].ap[7]);
        CHECK(c[0].right == 1 && c[0].wrong == 2 && close_to(c[0].iou_sum, 0.18 / 0.22),
              "at 0.65: %zu right, %zu wrong", c[0].right, c[0].wrong);
        CHECK(c[1].truths == 0 && c[1].detections == 1 && c[1].wrong == 1 && c[1].ap[0] == 0,
              "class without boxes");
        CHECK(c[2].truths == 1 && c[2].ap[0] == 0, "class that is never found");
        CHECK(close_to(boxes_mean_ap(c, 3, 0, 0), 0.25) &&
                  close_to(boxes_mean_ap(c, 3, 0, 1), 0.5 / 3),
              "means");
    }
    ap_rule all = {0, 0, 0.5, 0};
    CHECK(!boxes_average_precision(truth, 0, found, 0, 3, &all, c) &&
              boxes_mean_ap(c, 3, 0, 0) == 0,
          "nothing at all");
}

/* Rows of picture 0 as a network might give them: a weak one that fits A, a strong one that fits it
 * too, one at thresh that fits B, one of nothing. By score the strong one is right; in rows the
 * weak one has taken A before it. */
static void in_rows(void) {
    box_rect A = {0.2f, 0.2f, 0.2f, 0.2f}, B = {0.7f, 0.7f, 0.2f, 0.2f},
             none = {0.45f, 0.9f, 0.1f, 0.1f};
    scored_box truth[] = {{0, 0, 0, A}, {0, 0, 0, B}, {0, 1, 0, A}};
    scored_box rows[] = {{0, 0, 0.01f, A},
                         {0, 1, 0.8f, A},
                         {0, 0, 0.9f, A},
                         {0, 0, 0.25f, B},
                         {0, 0, 0.3f, none}},
               found[5];
    class_ap score[2], row[2];
    for (int k = 0; k < 2; k++) {
        ap_rule rule = {0, 0.25f, 0.5, k};
        memcpy(found, rows, sizeof rows);
        CHECK(!boxes_average_precision(truth, 3, found, 5, 2, &rule, k ? row : score), "memory");
    }
    CHECK(score[0].right == 2 && score[0].wrong == 1, "by score: %zu right, %zu wrong",
          score[0].right, score[0].wrong);
    CHECK(row[0].right == 0 && row[0].wrong == 2 && row[0].iou_sum == 0,
          "in rows: %zu right, %zu wrong", row[0].right, row[0].wrong);
    CHECK(row[1].right == 1 && row[1].wrong == 0 && close_to(row[1].iou_sum, 1),
          "another class takes nothing away");
    CHECK(row[0].ap_at == score[0].ap_at && row[0].ap[0] > 0, "average precision is the same");
}

/* ---- the same in another way: corners, no sorting of the lists, precision looked up anew for
 * every true positive ---- */

static double plain_iou(box_rect a, box_rect b) {
    double w = 0, h = 0, ax = (double)a.x, bx = (double)b.x, ay = (double)a.y, by = (double)b.y;
    w = ((double)a.w + (double)b.w) / 2 - fabs(ax - bx);
    h = ((double)a.h + (double)b.h) / 2 - fabs(ay - by);
    w = fmin(w, fmin((double)a.w, (double)b.w));
    h = fmin(h, fmin((double)a.h, (double)b.h));
    if (w <= 0 || h <= 0) return 0;
    return w * h / ((double)a.w * (double)a.h + (double)b.w * (double)b.h - w * h);
}

enum { MOST = 400 };

/* hit[i]: detection i (of cls) is right; in the order of falling scores, which are all different.
 */
static double plain_ap(const scored_box *t, int nt, const scored_box *d, int nd, int cls,
                       double thr, int points) {
    int rank[MOST], n = 0, used[MOST] = {0}, hit[MOST], total = 0;
    double prec[MOST], rec[MOST], sum = 0;
    for (int i = 0; i < nt; i++) total += t[i].cls == cls;
    for (int left = 1; left;) {
        int best = -1;
        for (int i = 0; i < nd; i++) {
            if (d[i].cls != cls || (n && d[i].score >= d[rank[n - 1]].score)) continue;
            if (best < 0 || d[i].score > d[best].score) best = i;
        }
        left = best >= 0;
        if (left) rank[n++] = best;
    }
    for (int k = 0, right = 0; k < n; k++) {
        const scored_box *q = &d[rank[k]];
        int best = -1;
        for (int i = 0; i < nt; i++) {
            if (t[i].cls != cls || t[i].image != q->image) continue;
            if (best < 0 || plain_iou(t[i].box, q->box) > plain_iou(t[best].box, q->box)) best = i;
        }
        hit[k] = best >= 0 && !used[best] && plain_iou(t[best].box, q->box) > thr;
        if (hit[k]) used[best] = 1;
        right += hit[k];
        prec[k] = (double)right / (k + 1);
        rec[k] = (double)right / total;
    }
    if (!total) return 0;
    for (int k = 0; k < n && !points; k++) {
        if (!hit[k]) continue;
        double best = 0;
        for (int j = k; j < n; j++) best = fmax(best, prec[j]);
        sum += best / total;
    }
    for (int p = 0; p < points; p++) {
        double best = 0;
        for (int j = 0; j < n; j++)
            if (rec[j] >= (double)p / (points - 1)) best = fmax(best, prec[j]);
        sum += best / points;
    }
    return sum;
}

static box_rect random_box(void) {
    return (box_rect){(float)(0.2 + 0.6 * uniform()), (float)(0.2 + 0.6 * uniform()),
                      (float)(0.1 + 0.3 * uniform()), (float)(0.1 + 0.3 * uniform())};
}

static void shuffle(scored_box *b, int n) {
    for (int i = n - 1; i > 0; i--) {
        int j = (int)(uniform() * (i + 1));
        scored_box s = b[i];
        b[i] = b[j];
        b[j] = s;
    }
}

static void against_plain(void) {
    static const int kinds[] = {0, 11, 101};
    scored_box t[MOST], d[MOST];
    double worst = 0, mean = 0;
    for (int round = 0; round < 40; round++) {
        int nt = (int)(60 * uniform()), nd = 0, classes = 3;
        for (int i = 0; i < nt; i++)
            t[i] = (scored_box){(int)(8 * uniform()), (int)(classes * uniform()), 0, random_box()};
        /* Near a true box, some twice, and anywhere. */
        for (int i = 0; i < nt; i++) {
            for (double k = 2 * uniform(); k > 0.4; k -= 0.8) {
                d[nd] = t[i];
                d[nd].box.x += (float)(0.08 * (uniform() - 0.5));
                d[nd].box.w *= (float)(0.8 + 0.4 * uniform());
                d[nd++].score = (float)uniform();
            }
        }
        for (int i = 0; i < 30; i++)
            d[nd++] = (scored_box){(int)(8 * uniform()), (int)(classes * uniform()),
                                   (float)uniform(), random_box()};
        class_ap c[3], again[3];
        for (int k = 0; k < 3; k++) {
            ap_rule rule = {kinds[k], 0.5f, 0.75, 0};
            CHECK(!boxes_average_precision(t, (size_t)nt, d, (size_t)nd, classes, &rule, c),
                  "memory");
            for (int cls = 0; cls < classes; cls++)
                worst = fmax(worst, fabs(c[cls].ap_at - c[cls].ap[5]));
            for (int cls = 0; cls < classes; cls++) {
                for (int i = 0; i < AP_IOUS; i++) {
                    double want = plain_ap(t, nt, d, nd, cls, 0.5 + 0.05 * i, kinds[k]);
                    worst = fmax(worst, fabs(want - c[cls].ap[i]));
                    mean += want;
                }
            }
        }
        shuffle(t, nt);
        shuffle(d, nd);
        ap_rule rule = {101, 0.5f, 0.75, 0};
        boxes_average_precision(t, (size_t)nt, d, (size_t)nd, classes, &rule, again);
        CHECK(!memcmp(c, again, sizeof c), "round %d: the order of the lists matters", round);
    }
    CHECK(worst < 1e-9, "average precision differs by %g from the plain program", worst);
    CHECK(mean > 100, "nearly nothing was found: the comparison would be empty");
}

int main(void) {
    overlap();
    by_hand();
    in_rows();
    against_plain();
    return t_done("test_boxes");
}
