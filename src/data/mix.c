/* mix.c - mixup (Zhang, Cisse, Dauphin, Lopez-Paz 2018) and cutmix (Yun et al. 2019): each picture
 * of a batch is blended with, or takes a box of, another one of it; truths are blended by the same
 * share. */
#include "data/batch_internal.h"
#include "ops/rng.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

int batch_mixes(const augment *a) { return a->mixup > 0 || a->cutmix > 0; }

/* One side of cutmix's box: `size` pixels about `centre`, as far as they lie in 0 .. n. */
static void side(int centre, int size, int n, int *from, int *to) {
    *from = centre - size / 2 > 0 ? centre - size / 2 : 0;
    *to = centre - size / 2 + size < n ? centre - size / 2 + size : n;
}

batch_mixing batch_mixing_draw(const augment *a, uint64_t seed, uint64_t k, uint32_t *partner,
                               int batch) {
    rng_stream r = rng_open(rng_key(seed, RNG_MIX, k, 0));
    batch_mixing m = {.box = a->cutmix > 0};
    if (a->mixup > 0 && a->cutmix > 0) m.box = (int)(rng_u32(&r) & 1);
    m.lambda = (float)rng_beta(&r, (double)(m.box ? a->cutmix : a->mixup));
    for (uint32_t i = 0; i < (uint32_t)batch; i++) partner[i] = i;
    for (uint32_t i = (uint32_t)batch - 1; i > 0; i--) {
        uint32_t j = rng_below(&r, i + 1), t = partner[i];
        partner[i] = partner[j];
        partner[j] = t;
    }
    if (!m.box) return m;
    double edge = sqrt(1 - (double)m.lambda);
    int x = (int)rng_below(&r, (uint32_t)a->w), y = (int)rng_below(&r, (uint32_t)a->h);
    side(x, (int)(edge * a->w), a->w, &m.x0, &m.x1);
    side(y, (int)(edge * a->h), a->h, &m.y0, &m.y1);
    m.lambda = 1 - (float)((m.x1 - m.x0) * (m.y1 - m.y0)) / (float)(a->w * a->h);
    return m;
}

static void blend(float *to, const float *from, size_t n, float lambda) {
    for (size_t i = 0; i < n; i++) to[i] = from[i] + lambda * (to[i] - from[i]);
}

static void mix_one(const batch_mixing *m, const augment *a, float *to, const float *from) {
    size_t w = (size_t)a->w, h = (size_t)a->h, wide = (size_t)(m->x1 - m->x0);
    if (!m->box) {
        blend(to, from, w * h * (size_t)a->c, m->lambda);
        return;
    }
    for (size_t c = 0; c < (size_t)a->c; c++)
        for (size_t y = (size_t)m->y0; y < (size_t)m->y1; y++) {
            size_t at = (c * h + y) * w + (size_t)m->x0;
            memcpy(to + at, from + at, wide * sizeof *to);
        }
}

/* Along each cycle of the permutation, so that what a picture takes from has not changed yet; the
 * last one's partner is the first, which is kept aside. */
void batch_mix(const augment *a, uint64_t seed, uint64_t k, const batch_room *room, int batch,
               int classes, float *X, float *truth) {
    uint32_t *partner = room->partner;
    size_t inputs = (size_t)a->w * (size_t)a->h * (size_t)a->c, outputs = (size_t)classes;
    float *kept = room->kept, *kept_truth = kept + inputs;
    batch_mixing m = batch_mixing_draw(a, seed, k, partner, batch);
    for (uint32_t first = 0; first < (uint32_t)batch; first++) {
        if (partner[first] == first) continue; /* alone, or done */
        memcpy(kept, X + first * inputs, inputs * sizeof *X);
        if (truth) memcpy(kept_truth, truth + first * outputs, outputs * sizeof *truth);
        for (uint32_t b = first, next; partner[b] != b; b = next) {
            next = partner[b];
            mix_one(&m, a, X + b * inputs, next == first ? kept : X + next * inputs);
            if (truth)
                blend(truth + b * outputs, next == first ? kept_truth : truth + next * outputs,
                      outputs, m.lambda);
            partner[b] = b;
        }
    }
}
