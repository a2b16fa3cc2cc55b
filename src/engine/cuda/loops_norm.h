/* loops_norm.h - batch norm, and sums over rows; see loops.h. */
#ifndef MP_CUDA_LOOPS_NORM_H
#define MP_CUDA_LOOPS_NORM_H
#include "engine/cuda/loops_job.h"

/* Mean and sum of squares about it of one band, one channel: the mean first, so that no digits are
 * lost to it. */
LOOP(norm_band) {
    uint32_t c = (uint32_t)b->s.c, band = i / c, from = band * b->each,
             to = from + b->each < b->rows ? from + b->each : b->rows;
    const float *x = b->x + i % c;
    float first = x[(size_t)from * c], sum = 0, squares = 0;
    for (uint32_t r = from; r < to; r++) sum += x[(size_t)r * c] - first;
    float mean = first + sum / (float)(to - from), rest = sum - (mean - first) * (float)(to - from);
    for (uint32_t r = from; r < to; r++) {
        float d = x[(size_t)r * c] - mean;
        squares += d * d;
    }
    b->band[((size_t)band * 2) * c + i % c] = mean;
    b->band[((size_t)band * 2 + 1) * c + i % c] = squares;
    if (b->u) b->u[i] = rest; /* what the rounding of the mean left, of the band's sum */
}

VEC_INLINE double loop_rows_of(const cuda_job *b, uint32_t band, uint32_t bands_each) {
    uint32_t per = b->each * bands_each, from = band * per;
    return (double)((from + per < b->rows ? from + per : b->rows) - from);
}

/* Up to LOOP_CHUNK bands of one channel, put together. */
LOOP(norm_chunk) {
    uint32_t c = (uint32_t)b->s.c, chunk = i / c, k = i % c, from = chunk * LOOP_CHUNK,
             to = from + LOOP_CHUNK < b->bands ? from + LOOP_CHUNK : b->bands;
    double rows = 0, sum = 0, squares = 0;
    for (uint32_t j = from; j < to; j++) {
        rows += loop_rows_of(b, j, 1);
        sum += loop_rows_of(b, j, 1) * (double)b->band[((size_t)j * 2) * c + k] +
               (double)b->u[(size_t)j * c + k];
    }
    double mean = sum / rows;
    for (uint32_t j = from; j < to; j++) {
        double d = (double)b->band[((size_t)j * 2) * c + k] - mean;
        squares += (double)b->band[((size_t)j * 2 + 1) * c + k] + loop_rows_of(b, j, 1) * d * d;
    }
    b->sum[((size_t)chunk * 2) * c + k] = mean;
    b->sum[((size_t)chunk * 2 + 1) * c + k] = squares;
}

/* Up to LOOP_CHUNK chunks of one channel, put together. */
LOOP(norm_more) {
    uint32_t c = (uint32_t)b->s.c, group = i / c, k = i % c, from = group * LOOP_CHUNK,
             to = from + LOOP_CHUNK < b->chunks ? from + LOOP_CHUNK : b->chunks;
    double rows = 0, sum = 0, squares = 0;
    for (uint32_t j = from; j < to; j++) {
        rows += loop_rows_of(b, j, b->per);
        sum += loop_rows_of(b, j, b->per) * b->sum[((size_t)j * 2) * c + k];
    }
    double mean = sum / rows;
    for (uint32_t j = from; j < to; j++) {
        double d = b->sum[((size_t)j * 2) * c + k] - mean;
        squares += b->sum[((size_t)j * 2 + 1) * c + k] + loop_rows_of(b, j, b->per) * d * d;
    }
    b->total[((size_t)group * 2) * c + k] = mean;
    b->total[((size_t)group * 2 + 1) * c + k] = squares;
}

/* z = a*(x - m) + b; the small rest of the mean goes into b. */
VEC_INLINE void loop_coefficients(const cuda_job *b, uint32_t i) {
    uint32_t c = (uint32_t)b->s.c;
    float a = b->scales[i] * b->stat[NORM_INV * c + i];
    b->stat[NORM_A * c + i] = a;
    b->stat[NORM_B * c + i] = b->bias[i] - a * b->stat[NORM_REST * c + i];
}

/* A channel: the batch's statistics, or the rolling ones. */
LOOP(norm_stat) {
    uint32_t c = (uint32_t)b->s.c;
    if (!b->batch) {
        b->stat[NORM_MEAN * c + i] = b->mean[i];
        b->stat[NORM_REST * c + i] = 0;
        b->stat[NORM_INV * c + i] = (float)(1 / (sqrt((double)b->var[i]) + BN_INFERENCE_EPS));
        loop_coefficients(b, i);
        return;
    }
    double sum = 0, squares = 0, count = (double)b->rows;
    for (uint32_t j = 0; j < b->chunks; j++)
        sum += loop_rows_of(b, j, b->per) * b->sum[((size_t)j * 2) * c + i];
    double mean = sum / count;
    for (uint32_t j = 0; j < b->chunks; j++) {
        double d = b->sum[((size_t)j * 2) * c + i] - mean;
        squares += b->sum[((size_t)j * 2 + 1) * c + i] + loop_rows_of(b, j, b->per) * d * d;
    }
    double var = squares / count;
    b->stat[NORM_MEAN * c + i] = (float)mean;
    b->stat[NORM_REST * c + i] = (float)(mean - (double)(float)mean);
    b->stat[NORM_INV * c + i] = (float)(1 / sqrt(var + BN_BATCH_EPS));
    b->mean[i] = (float)((1 - BN_MOMENTUM) * (double)b->mean[i] + 0.1 * mean);
    if (b->rows > 1)
        b->var[i] = (float)((1 - BN_MOMENTUM) * (double)b->var[i] +
                            BN_MOMENTUM * (var * count / (count - 1) + BN_BATCH_EPS));
    loop_coefficients(b, i);
}

VEC_INLINE float loop_norm(const cuda_job *b, uint32_t i, uint32_t k) {
    uint32_t c = (uint32_t)b->s.c;
    return b->stat[NORM_A * c + k] * (b->x[i] - b->stat[k]) + b->stat[NORM_B * c + k];
}

/* An element. */
LOOP(norm_apply) { b->y[i] = act_value(loop_norm(b, i, i % (uint32_t)b->s.c), b->act); }

/* The gradient before an activation with a slope, from the sign of z computed again, which costs
 * less than reading y. */
VEC_INLINE float loop_norm_delta(const cuda_job *b, uint32_t i, uint32_t k) {
    return loop_norm(b, i, k) > 0 ? b->dy[i] : b->slope * b->dy[i];
}

/* Sums of g and g*(x - m) of one band, one channel; without x of dy alone (the gradient of a bias).
 */
LOOP(sum_band) {
    uint32_t c = (uint32_t)b->s.c, band = i / c, k = i % c, from = band * b->each,
             to = from + b->each < b->rows ? from + b->each : b->rows;
    float sum = 0, product = 0;
    for (uint32_t r = from; r < to; r++) {
        uint32_t at = r * c + k;
        float g = b->x ? loop_norm_delta(b, at, k) : b->dy[at];
        sum += g;
        if (b->x) product += g * (b->x[at] - b->stat[k]);
    }
    b->band[((size_t)band * 2) * c + k] = sum;
    b->band[((size_t)band * 2 + 1) * c + k] = product;
}

/* Sums of dy*x2 of one band, one of the first s.c channels, of rows `step` and step2 wide. */
LOOP(product_band) {
    uint32_t c = (uint32_t)b->s.c, band = i / c, k = i % c, from = band * b->each,
             to = from + b->each < b->rows ? from + b->each : b->rows;
    float sum = 0;
    for (uint32_t r = from; r < to; r++)
        sum += b->dy[(size_t)r * b->step + k] * b->x2[(size_t)r * b->step2 + k];
    b->band[((size_t)band * 2) * c + k] = sum;
    b->band[((size_t)band * 2 + 1) * c + k] = 0;
}

LOOP(sum_chunk) {
    uint32_t c = (uint32_t)b->s.c, chunk = i / c, k = i % c, from = chunk * LOOP_CHUNK,
             to = from + LOOP_CHUNK < b->bands ? from + LOOP_CHUNK : b->bands;
    double sum = 0, product = 0;
    for (uint32_t j = from; j < to; j++) {
        sum += (double)b->band[((size_t)j * 2) * c + k];
        product += (double)b->band[((size_t)j * 2 + 1) * c + k];
    }
    b->sum[((size_t)chunk * 2) * c + k] = sum;
    b->sum[((size_t)chunk * 2 + 1) * c + k] = product;
}

LOOP(sum_more) {
    uint32_t c = (uint32_t)b->s.c, group = i / c, k = i % c, from = group * LOOP_CHUNK,
             to = from + LOOP_CHUNK < b->chunks ? from + LOOP_CHUNK : b->chunks;
    double sum = 0, product = 0;
    for (uint32_t j = from; j < to; j++) {
        sum += b->sum[((size_t)j * 2) * c + k];
        product += b->sum[((size_t)j * 2 + 1) * c + k];
    }
    b->total[((size_t)group * 2) * c + k] = sum;
    b->total[((size_t)group * 2 + 1) * c + k] = product;
}

/* A channel: what dx = a*g + q*(x - m) + k needs, and the updates of scale (v) and bias (u). */
LOOP(norm_back_stat) {
    uint32_t c = (uint32_t)b->s.c;
    double dbias = 0, product = 0, count = (double)b->rows;
    b->stat[NORM_Q * c + i] = b->stat[NORM_K * c + i] = 0;
    if (!b->batch && !b->grads) return;
    for (uint32_t j = 0; j < b->chunks; j++) {
        dbias += b->sum[((size_t)j * 2) * c + i];
        product += b->sum[((size_t)j * 2 + 1) * c + i];
    }
    double inv = (double)b->stat[NORM_INV * c + i], small = (double)b->stat[NORM_REST * c + i],
           dscale = inv * (product - small * dbias);
    if (b->grads) {
        b->u[i] += (float)dbias;
        b->v[i] += (float)dscale;
    }
    if (!b->batch) return;
    double a = (double)b->stat[NORM_A * c + i], q = -a * inv * dscale / count;
    b->stat[NORM_Q * c + i] = (float)q;
    b->stat[NORM_K * c + i] = (float)(-a * dbias / count - q * small);
}

/* An element. */
LOOP(norm_back) {
    uint32_t c = (uint32_t)b->s.c, k = i % c;
    b->dx[i] = b->stat[NORM_A * c + k] * loop_norm_delta(b, i, k) +
               b->stat[NORM_Q * c + k] * (b->x[i] - b->stat[k]) + b->stat[NORM_K * c + k];
}

/* A channel. */
LOOP(bias_update) {
    double sum = 0;
    for (uint32_t j = 0; j < b->chunks; j++) sum += b->sum[((size_t)j * 2) * (uint32_t)b->s.c + i];
    b->u[i] += (float)sum;
}

/* A channel. */
LOOP(product_sum) {
    double sum = 0;
    for (uint32_t j = 0; j < b->chunks; j++) sum += b->sum[((size_t)j * 2) * (uint32_t)b->s.c + i];
    b->total[i] = sum;
}
#endif
