/* det_size.c - the size of a training step's pictures (random=1). */
#include "data/det_internal.h"
#include <math.h>

enum { SCALE_STEPS = 10, SCALE_GRAIN = 32 };
static double scale_range(const det_augment *a) { return a->range > 1 ? (double)a->range : 1.4; }

/* A side in whole grains, at least one. */
static int grains(double side) {
    int n = (int)(side / SCALE_GRAIN + 0.5);
    return n > 0 ? n * SCALE_GRAIN : SCALE_GRAIN;
}

static int widths(const det_augment *a, int *least) {
    int lo = (int)ceil(a->w / scale_range(a) / SCALE_GRAIN),
        hi = (int)(a->w * scale_range(a) / SCALE_GRAIN);
    *least = (lo > 0 ? lo : 1) * SCALE_GRAIN;
    return hi >= lo ? hi - lo + 1 : 1;
}

static void size_of_width(const det_augment *a, int width, int *w, int *h) {
    *w = width;
    *h = grains((double)a->h * width / a->w);
}

void det_size(const det_augment *a, uint64_t seed, uint64_t k, int *w, int *h) {
    uint64_t step = k / (uint64_t)a->batches_per_step;
    int least, n = widths(a, &least);
    *w = a->w;
    *h = a->h;
    if (!a->random || step >= a->settle) return;
    rng_stream rng = rng_open(rng_key(seed, RNG_AUGMENT, step / SCALE_STEPS, DET_DRAW_SCALE));
    size_of_width(a, least + SCALE_GRAIN * (int)rng_below(&rng, (uint32_t)n), w, h);
}

void det_largest(const det_augment *a, int *w, int *h) {
    int least, n = widths(a, &least), mw, mh;
    *w = a->w;
    *h = a->h;
    if (!a->random) return;
    size_of_width(a, least + SCALE_GRAIN * (n - 1), &mw, &mh);
    if (mw > *w) *w = mw;
    if (mh > *h) *h = mh;
}
