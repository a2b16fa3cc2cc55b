/* anchors.c - see anchors.h */
#include "ops/anchors.h"
#include "ops/rng.h"
#include "ops/vecmath.h"
#include <stdlib.h>
#include <string.h>

enum { MOST_ROUNDS = 1000 };

/* One start: for each box the best IoU and whose it is; the anchors, with the sums they are made
 * from. */
typedef struct {
    float *iou;
    int *whose;
    float *anchors;
    double *sums;
    double mean;
    int ok;
} start;

/* iou (max=), whose (=) where it is greater. */
VEC_CLONES
static void hold_against(float *iou, int *whose, const float *wh, size_t n, float w, float h,
                         int index) {
    for (size_t i = 0; i < n; i++) {
        float bw = wh[2 * i], bh = wh[2 * i + 1], cw = bw < w ? bw : w, ch = bh < h ? bh : h,
              both = cw * ch;
        float v = both / (bw * bh + w * h - both);
        whose[i] = v > iou[i] ? index : whose[i];
        iou[i] = v > iou[i] ? v : iou[i];
    }
}

static double assign(start *s, const anchors_args *a) {
    double sum = 0;
    memset(s->iou, 0, a->n * sizeof *s->iou);
    for (int c = 0; c < a->k; c++)
        hold_against(s->iou, s->whose, a->wh, a->n, s->anchors[2 * c], s->anchors[2 * c + 1], c);
    for (size_t i = 0; i < a->n; i++) sum += (double)s->iou[i];
    return sum / (double)a->n;
}

/* A box that none of the first `drawn` anchors equals, or n: there is none. */
static size_t draw(start *s, const anchors_args *a, rng_stream *r, int drawn) {
    if (!drawn) return rng_below(r, (uint32_t)a->n);
    double sum = 0;
    for (size_t i = 0; i < a->n; i++) sum += (double)(1 - s->iou[i]) * (double)(1 - s->iou[i]);
    double at = (double)rng_uniform(r, 0, 1) * sum;
    size_t last = a->n;
    for (size_t i = 0; i < a->n; i++) {
        double d = (double)(1 - s->iou[i]) * (double)(1 - s->iou[i]);
        if (d > 1e-12) last = i; /* IoU rounds: what is nearer than 1e-6 is the same size */
        if (last == i && (at -= d) < 0) break;
    }
    return last;
}

static int begin(start *s, const anchors_args *a, rng_stream *r) {
    memset(s->iou, 0, a->n * sizeof *s->iou);
    memset(s->whose, 0, a->n * sizeof *s->whose);
    for (int c = 0; c < a->k; c++) {
        size_t i = draw(s, a, r, c);
        if (i == a->n) return -1;
        memcpy(s->anchors + 2 * c, a->wh + 2 * i, 2 * sizeof *s->anchors);
        hold_against(s->iou, s->whose, a->wh, a->n, a->wh[2 * i], a->wh[2 * i + 1], c);
    }
    return 0;
}

/* Each anchor the mean of its boxes; one without boxes stays. Returns whether one has moved. */
static int move(start *s, const anchors_args *a) {
    int moved = 0;
    memset(s->sums, 0, 3 * (size_t)a->k * sizeof *s->sums);
    for (size_t i = 0; i < a->n; i++) {
        double *sum = s->sums + 3 * s->whose[i];
        sum[0] += (double)a->wh[2 * i];
        sum[1] += (double)a->wh[2 * i + 1];
        sum[2]++;
    }
    for (int c = 0; c < a->k; c++)
        for (int d = 0; d < 2 && s->sums[3 * c + 2] > 0; d++) {
            float mean = (float)(s->sums[3 * c + d] / s->sums[3 * c + 2]);
            moved |= mean != s->anchors[2 * c + d];
            s->anchors[2 * c + d] = mean;
        }
    return moved;
}

static void run(start *s, const anchors_args *a, int index) {
    rng_stream r = rng_open(rng_key(a->seed, RNG_ANCHORS, (uint64_t)index, 0));
    s->ok = begin(s, a, &r) == 0;
    if (!s->ok) return;
    for (int round = 0; round < MOST_ROUNDS; round++) {
        s->mean = assign(s, a);
        if (!move(s, a)) return;
    }
    s->mean = assign(s, a);
}

static int by_area(const void *p, const void *q) {
    const float *a = p, *b = q;
    float x = a[0] * a[1], y = b[0] * b[1];
    return x != y ? (x > y) - (x < y) : (a[0] > b[0]) - (a[0] < b[0]);
}

double anchors_mean_iou(const float *anchors, int k, const float *wh, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        float best = 0;
        int whose = 0;
        for (int c = 0; c < k; c++)
            hold_against(&best, &whose, wh + 2 * i, 1, anchors[2 * c], anchors[2 * c + 1], c);
        sum += (double)best;
    }
    return n ? sum / (double)n : 0;
}

static size_t start_len(const anchors_args *a) {
    size_t k = (size_t)a->k, bytes = a->n * (sizeof(float) + sizeof(int)) + 3 * k * sizeof(double) +
                                     2 * k * sizeof(float);
    return (bytes + 63) / 64 * 64;
}

size_t anchors_scratch_len(const anchors_args *a) {
    return (size_t)a->starts * (sizeof(start) + start_len(a));
}

int anchors_fit(float *anchors, double *mean_iou, const anchors_args *a, void *scratch) {
    start *s = scratch;
    char *room = (char *)(s + a->starts);
    int best = -1;
    if (!a->n) return -1;
    for (int i = 0; i < a->starts; i++, room += start_len(a)) {
        s[i] = (start){.sums = (double *)(void *)room};
        s[i].anchors = (float *)(s[i].sums + 3 * a->k);
        s[i].iou = s[i].anchors + 2 * a->k;
        s[i].whose = (int *)(s[i].iou + a->n);
    }
#pragma omp parallel for schedule(dynamic)
    for (int i = 0; i < a->starts; i++) run(&s[i], a, i);
    for (int i = 0; i < a->starts; i++)
        if (s[i].ok && (best < 0 || s[i].mean > s[best].mean)) best = i;
    if (best < 0) return -1;
    memcpy(anchors, s[best].anchors, 2 * (size_t)a->k * sizeof *anchors);
    qsort(anchors, (size_t)a->k, 2 * sizeof *anchors, by_area);
    *mean_iou = s[best].mean;
    return 0;
}
