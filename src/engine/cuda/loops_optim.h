/* loops_optim.h - the optimizers; see loops.h. */
#ifndef MP_CUDA_LOOPS_OPTIM_H
#define MP_CUDA_LOOPS_OPTIM_H
#include "engine/cuda/loops_job.h"

/* ---- the optimizers (ops/optim.h); one iteration a weight ---- */

LOOP(sgd) {
    const cuda_scalars *v = loop_now(b);
    float g = b->u[i] - v->decay * b->y[i];
    b->y[i] += v->rate * g;
    b->u[i] = v->momentum * g;
}

LOOP(adam) {
    const cuda_scalars *v = loop_now(b);
    float g = b->scale * b->u[i] + v->decay * b->y[i];
    b->m[i] = b->b1 * b->m[i] + (1 - b->b1) * g;
    b->v[i] = b->b2 * b->v[i] + (1 - b->b2) * g * g;
    b->y[i] -= v->rate * b->m[i] / (sqrtf(b->v[i]) * v->root + b->eps);
    b->u[i] = 0;
}

/* One of LOOP_SQUARES strides. */
LOOP(squares) {
    double sum = 0;
    for (uint32_t k = i; k < b->n; k += LOOP_SQUARES) sum += (double)b->x[k] * (double)b->x[k];
    b->sum[i] = sum;
}

/* One of LOOP_COUNTS: of those. */
LOOP(squares_some) {
    double sum = 0;
    for (uint32_t k = i; k < LOOP_SQUARES; k += LOOP_COUNTS) sum += b->sum[k];
    b->total[i] = sum;
}

/* Of the fork's sums and learned vectors. */
#define CUDA_LOOPS_OF_SUMS(X) \
    X(shift)                  \
    X(weigh) X(factors) X(factors_back) X(implicit) X(implicit_back) X(product_band) X(product_sum)
/* All of them, in the order of their names below. */
/* clang-format off */
#define CUDA_LOOPS(X) \
    CUDA_LOOPS_OF_SUMS(X) X(from_nchw) X(to_nchw) X(add) X(act) X(act_back) X(channels) \
    X(channels_back) X(add_act) X(bias_act) X(rows) X(meet) X(meet_weigh) X(meet_back) X(scale) \
    X(scale_back) X(scale_factors) X(upsample) X(upsample_back) X(maxpool) X(maxpool_back) \
    X(nonmax) X(nonmax_back) X(depth) X(depth_back) X(local_avgpool) X(local_avgpool_back) \
    X(blur) X(blur_back) X(reorg3d) X(reorg3d_back) X(avgpool) X(avgpool_back) X(dropout) \
    X(seeds) X(blocks) X(kept) X(kept_some) X(kept_all) X(masked) X(softmax) X(loss) \
    X(softmax_delta) X(norm_band) X(norm_chunk) X(norm_more) X(norm_stat) X(norm_apply) \
    X(sum_band) X(sum_chunk) X(sum_more) X(norm_back_stat) X(norm_back) X(bias_update) X(sgd) \
    X(adam) X(squares) X(squares_some)
/* clang-format on */
#define CUDA_LOOP_ID(name) RUN_##name,
typedef enum { CUDA_LOOPS(CUDA_LOOP_ID) CUDA_LOOP_COUNT } cuda_loop;
#endif
