/* loops_job.h - what a loop of loops.h is given, and how it finds its place. */
#ifndef MP_CUDA_LOOPS_JOB_H
#define MP_CUDA_LOOPS_JOB_H
#include "ops/activation_each.h"
#include "ops/batch_norm.h"
#include "ops/perturb_cuda.h"
#include "ops/rng_each.h"
#include "ops/shape.h"
#include "ops/weighted_sum.h"

/* What one iteration adds up alone is short: a thread waits for memory at each fourth number or so.
 */
enum { LOOP_CHUNK = 32, LOOP_SQUARES = 4096, LOOP_COUNTS = 64 };
enum {
    NORM_MEAN,
    NORM_REST,
    NORM_INV,
    NORM_A,
    NORM_B,
    NORM_Q,
    NORM_K,
    NORM_ROWS
}; /* (NORM_ROWS, C) of a node with batch norm */

/* What changes from step to step: by value, or, in a recorded step, on the device. */
typedef struct {
    perturb_now noise;
    float p, rate, decay, momentum, root;
} cuda_scalars;

/* All pointers are the device's, and all stand before s. */
typedef struct {
    const cuda_scalars *there; /* NULL: by_value */
    const float *x, *x2, *dy, *bias, *scales;
    float *y, *dx, *u, *m, *v, *stat, *mean, *var, *band; /* band: (bands, 2, C) */
    double *sum, *total; /* sum: (chunks, 2, C) of `per` bands each */
    int32_t *index;
    uint8_t *mask, *mask2;
    uint32_t *count;
    shape4 s, in;                            /* of the output, of the input */
    uint32_t rows, bands, chunks, each, per; /* each: rows of a band */
    uint32_t n, width, step, step2;
    int add, batch, grads, size, stride, stride_x, pad, sample;
    act_kind act;
    sum_norm norm;
    float slope, scale, alpha, beta, b1, b2, eps;
    cuda_scalars by_value;
} cuda_job;
VEC_INLINE const cuda_scalars *loop_now(const cuda_job *b) {
    return b->there ? b->there : &b->by_value;
}

#define LOOP(name) VEC_INLINE void loop_##name(uint32_t i, const cuda_job *b)

typedef struct {
    int n, y, x, c;
} loop_place;
VEC_INLINE loop_place loop_place_of(uint32_t i, shape4 s) {
    loop_place p;
    p.c = (int)(i % (uint32_t)s.c);
    i /= (uint32_t)s.c;
    p.x = (int)(i % (uint32_t)s.w);
    i /= (uint32_t)s.w;
    p.y = (int)(i % (uint32_t)s.h);
    p.n = (int)(i / (uint32_t)s.h);
    return p;
}
VEC_INLINE uint32_t loop_at(shape4 s, int n, int y, int x, int c) {
    return (((uint32_t)n * (uint32_t)s.h + (uint32_t)y) * (uint32_t)s.w + (uint32_t)x) *
               (uint32_t)s.c +
           (uint32_t)c;
}
VEC_INLINE int loop_least(int a, int b) { return a < b ? a : b; }
VEC_INLINE void loop_put(float *to, float v, int add) { *to = add ? *to + v : v; }
#endif
