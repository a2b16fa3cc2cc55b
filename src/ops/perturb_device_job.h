/* perturb_device_job.h - what the loops of perturb_device.h are given, and what they share: places,
 * noise, E[z]. */
#ifndef MP_PERTURB_DEVICE_JOB_H
#define MP_PERTURB_DEVICE_JOB_H
#include "ops/perturb_cuda.h"
#include "ops/rng_each.h"
#include <math.h>

enum {
    PERTURB_DEVICE_BAND = 8,
    PERTURB_DEVICE_CHUNK = 32,
    PERTURB_DEVICE_BATCH = 8,
    PERTURB_POLY = 17
};

/* E[softplus(alpha + eps)] as ops/perturb_mean.c has it: a polynomial in t, linear in w = e^(-a/4).
 */
typedef struct {
    float c[PERTURB_POLY], reach, w_end;
} perturb_poly;
void perturb_poly_of(perturb_poly *p);

/* What lives on the device for one call. tape: z (alpha where a MEAN or UNIT pass follows it),
 * mask, f, m, v, scale. The last bit of z's float tells whether E1 was above 0, half a unit in the
 * last place: a byte of its own would be a fifth more to move. */
typedef struct {
    perturb_args a; /* a.eps: the device's */
    perturb_poly poly;
    const perturb_now *now; /* in place of a.t and a.key; NULL: those */
    const float *x, *phi, *dy;
    float *y, *dx, *run_m, *run_v;
    double *dphi;
    int add_dx, keep, through_alpha;
    float *z, *f, *scale; /* (N,H,W,C), (N,4,C), (C) */
    unsigned char *mask;  /* (N,H,W,C): bits 0..3 conv3x3(x; K_k) > 0 */
    double *m, *v;        /* (4,C) */
    /* Work: means over channels of x and r, sums of da and d1, (N,H,W) each; (N,H,W,C); (N,4,C);
     * partial sums. */
    float *xmean, *rmean, *dasum, *d1sum, *r, *da, *d1, *coef, *rows, *rows_map;
    double *chunks, *through, *per_channel; /* through (8,C): dm/B and 2 dv/(B-1) of the features */
    /* Of one loop alone. */
    const float *from;
    const double *more;
    float *to, factor;
    size_t n_rows;
    int width, parts; /* parts of a picture whose sums lie in rows */
} perturb_job;

#define DEV VEC_INLINE

DEV size_t dev_at(shape4 s, int n, int y, int x) {
    return (((size_t)n * (size_t)s.h + (size_t)y) * (size_t)s.w + (size_t)x) * (size_t)s.c;
}
DEV int dev_bands(shape4 s) { return (s.h + PERTURB_DEVICE_BAND - 1) / PERTURB_DEVICE_BAND; }

typedef struct {
    int n, y, x, c;
} dev_place;
DEV dev_place dev_place_of(size_t i, shape4 s) {
    dev_place p;
    p.c = (int)(i % (size_t)s.c);
    i /= (size_t)s.c;
    p.x = (int)(i % (size_t)s.w);
    i /= (size_t)s.w;
    p.y = (int)(i % (size_t)s.h);
    p.n = (int)(i / (size_t)s.h);
    return p;
}

/* conv3x3 at a place of a map of `step` channels; mirrored: the transposed convolution. */
DEV float dev_conv(const float *in, shape4 s, dev_place p, int step, const float *k, int mirrored) {
    float sum = 0;
    const float *from = in + ((size_t)p.n * (size_t)s.h * (size_t)s.w) * (size_t)step +
                        (step > 1 ? p.c : 0);
    for (int dy = -1; dy <= 1; dy++) {
        int y = p.y + dy;
        if (y < 0 || y >= s.h) continue;
        for (int dx = -1; dx <= 1; dx++) {
            int x = p.x + dx, t = 3 * (dy + 1) + dx + 1;
            if (x < 0 || x >= s.w) continue;
            sum += k[mirrored ? 8 - t : t] *
                   from[((size_t)y * (size_t)s.w + (size_t)x) * (size_t)step];
        }
    }
    return sum;
}

/* Block `block` of rng_normal_row: elements block and block + half a row. */
DEV void dev_normal_pair(rng_key_t key, uint32_t row, uint32_t block, float *first, float *second) {
    uint32_t x = block, y = row;
    rng_block(key.k0, key.k1, &x, &y);
    float u = ((float)(int32_t)(x >> 8) + 0.5f) * 0x1p-24f, s, c, r = sqrtf(-2 * vec_log(u));
    vec_turn((float)(int32_t)(y >> 8) * 0x1p-24f, &s, &c);
    *first = r * c;
    *second = r * s;
}

/* As rng_normal_row: element j of the row, of n. */
DEV float dev_normal(rng_key_t key, uint32_t row, size_t j, size_t n) {
    size_t half = (n + 1) / 2;
    float first, second;
    dev_normal_pair(key, row, (uint32_t)(j < half ? j : j - half), &first, &second);
    return j < half ? first : second;
}

DEV float dev_annealing(const perturb_job *b) { return b->now ? b->now->t : b->a.t; }

/* eps of one element; 0 where the noise has none. */
DEV float dev_eps(const perturb_job *b, dev_place p) {
    shape4 s = b->a.s;
    if (b->a.noise == PERTURB_NOISE_NONE || b->a.noise == PERTURB_NOISE_MEAN) return 0;
    if (b->a.eps) return b->a.eps[dev_at(s, p.n, p.y, p.x) + (size_t)p.c];
    return dev_normal(b->now ? b->now->key : b->a.key,
                      (uint32_t)p.n * (uint32_t)s.h + (uint32_t)p.y,
                      (size_t)p.x * (size_t)s.c + (size_t)p.c, (size_t)s.w * (size_t)s.c);
}

DEV float dev_mean_softplus(const perturb_poly *q, float alpha, float *slope) {
    float a = alpha < 0 ? -alpha : alpha, near = a < q->reach ? a : q->reach,
          w = vec_exp(-0.25f * near), decay = vec_exp(-a);
    float stretch = 2 / (1 - q->w_end), t = stretch * (w - q->w_end) - 1, h = 0, dh = 0;
    for (int k = PERTURB_POLY - 1; k >= 0; k--) {
        dh = dh * t + h;
        h = h * t + q->c[k];
    }
    float rest = decay * (h + (a < q->reach ? 0.25f * stretch * w * dh : 0));
    *slope = alpha > 0 ? 1 - rest : rest;
    return (alpha > 0 ? alpha : 0) + decay * h;
}
#endif
