/* loops_noise.h - noise and what it drops; softmax and its loss; see loops.h. */
#ifndef MP_CUDA_LOOPS_NOISE_H
#define MP_CUDA_LOOPS_NOISE_H
#include "engine/cuda/loops_job.h"

/* ---- noise: rng_uniform_row's numbers, row by row of a picture ---- */

VEC_INLINE float loop_uniform(rng_key_t k, uint32_t row, uint32_t j, uint32_t n) {
    uint32_t half = (n + 1) / 2, block = j < half ? j : j - half, out[2] = {block, row};
    rng_block(k.k0, k.k1, out, out + 1);
    return (float)(int32_t)(out[j < half ? 0 : 1] >> 8) * 0x1p-24f;
}

LOOP(dropout) {
    const cuda_scalars *v = loop_now(b);
    uint32_t row = (uint32_t)b->s.w * (uint32_t)b->s.c;
    loop_put(b->y + i,
             loop_uniform(v->noise.key, i / row, i % row, row) < v->p ? 0 : b->scale * b->x[i],
             b->add);
}

/* Is this place the corner of a block that is dropped? */
LOOP(seeds) {
    loop_place p = loop_place_of(i, b->s);
    uint32_t places = (uint32_t)(b->s.w - b->size + 1) * (uint32_t)b->s.c,
             j = (uint32_t)p.x * (uint32_t)b->s.c + (uint32_t)p.c;
    const cuda_scalars *v = loop_now(b);
    int inside = p.y <= b->s.h - b->size && j < places;
    b->mask2[i] = inside &&
                  loop_uniform(v->noise.key, (uint32_t)p.n * (uint32_t)b->s.h + (uint32_t)p.y, j,
                               places) < v->p;
}

LOOP(blocks) {
    loop_place p = loop_place_of(i, b->s);
    int keep = 1;
    for (int y = p.y - b->size + 1 < 0 ? 0 : p.y - b->size + 1; y <= p.y; y++)
        for (int x = p.x - b->size + 1 < 0 ? 0 : p.x - b->size + 1; x <= p.x; x++)
            keep &= !b->mask2[loop_at(b->s, p.n, y, x, p.c)];
    b->mask[i] = (uint8_t)keep;
}

/* One of LOOP_SQUARES strides. */
LOOP(kept) {
    uint32_t sum = 0;
    for (uint32_t k = i; k < b->n; k += LOOP_SQUARES) sum += b->mask[k];
    b->count[i] = sum;
}

/* One of LOOP_COUNTS: of the counts, after them. */
LOOP(kept_some) {
    uint32_t sum = 0;
    for (uint32_t k = i; k < LOOP_SQUARES; k += LOOP_COUNTS) sum += b->count[k];
    b->count[LOOP_SQUARES + i] = sum;
}

/* One iteration: what is kept makes up for what is dropped. */
LOOP(kept_all) {
    uint64_t sum = 0;
    for (uint32_t k = 0; k < LOOP_COUNTS; k++) sum += b->count[LOOP_SQUARES + k];
    b->stat[i] = sum ? (float)((double)b->n / (double)sum) : 0;
}

LOOP(masked) { loop_put(b->y + i, b->mask[i] ? b->stat[0] * b->x[i] : 0, b->add); }

/* ---- softmax and its loss; one iteration a picture ---- */

LOOP(softmax) {
    uint32_t c = (uint32_t)b->s.c;
    const float *x = b->x + (size_t)i * c, *truth = b->x2 ? b->x2 + (size_t)i * c : NULL;
    float *y = b->y + (size_t)i * c, top = x[0];
    double sum = 0, loss = 0;
    for (uint32_t j = 1; j < c; j++) top = x[j] > top ? x[j] : top;
    for (uint32_t j = 0; j < c; j++) {
        y[j] = expf((x[j] - top) / b->scale);
        sum += (double)y[j];
    }
    for (uint32_t j = 0; j < c; j++) {
        y[j] = (float)((double)y[j] / sum);
        if (truth && truth[j] != 0)
            loss -= (double)truth[j] * log(y[j] < 1e-12f ? 1e-12 : (double)y[j]);
        if (y[j] != y[j]) loss = (double)y[j]; /* a diverged network must show */
    }
    if (truth) b->sum[i] = loss;
}

/* One iteration. */
LOOP(loss) {
    double sum = 0;
    for (uint32_t k = 0; k < b->n; k++) sum += b->sum[k];
    b->total[i] = sum;
}

/* An element. */
LOOP(softmax_delta) { loop_put(b->dx + i, b->x2[i] - b->y[i], b->add); }
#endif
