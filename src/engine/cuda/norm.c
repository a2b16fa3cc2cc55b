/* norm.c - batch norm over (rows, channels) with its activation, as cpu/norm.c has it, and sums
 * over rows.
 *
 * Our own loops and not cuDNN's: its fusion with the activation exists for half precision alone,
 * and rolling statistics follow the host's formula. Forward reads x twice and writes y once;
 * backward reads x and dy twice and writes dx once. */
#include "engine/cuda/cuda.h"
#include <stdlib.h>

enum { AIM = 1 << 17, LEAST = 8, MOST = 256 }; /* iterations to aim at; rows of a band */

/* Bands and chunks of (rows, c), with room for their sums in e->work. */
static cuda_job open_job(engine *e, size_t rows, int c) {
    size_t each = rows * (size_t)c / AIM;
    each = each < LEAST ? LEAST : each > MOST ? MOST : each;
    size_t bands = (rows + each - 1) / each, chunks = (bands + LOOP_CHUNK - 1) / LOOP_CHUNK,
           w = (size_t)c, sums = chunks * 2 * w;
    for (size_t n = chunks; n > LOOP_CHUNK;) {
        n = (n + LOOP_CHUNK - 1) / LOOP_CHUNK;
        sums += n * 2 * w;
    }
    float *p = engine_need(e, &e->work, 2 * sums + 3 * bands * w);
    return (cuda_job){.s = {1, 1, (int)rows, c},
                      .rows = (uint32_t)rows,
                      .bands = (uint32_t)bands,
                      .chunks = (uint32_t)chunks,
                      .each = (uint32_t)each,
                      .per = LOOP_CHUNK,
                      .sum = (double *)(void *)p,
                      .band = p + 2 * sums,
                      .u = p + 2 * sums + 2 * bands * w};
}

/* Bands into chunks, and these into fewer, until one iteration a channel can do the rest. */
static void put_together(engine *e, cuda_job *j, cuda_loop chunk, cuda_loop more) {
    size_t c = (size_t)j->s.c;
    engine_cuda_each(e, chunk, (size_t)j->chunks * c, j);
    while (j->chunks > LOOP_CHUNK) {
        uint32_t n = (j->chunks + LOOP_CHUNK - 1) / LOOP_CHUNK;
        j->total = j->sum + 2 * (size_t)j->chunks * c;
        engine_cuda_each(e, more, n * c, j);
        j->sum = j->total;
        j->chunks = n;
        j->per *= LOOP_CHUNK;
    }
}

static void take_params(engine *e, cuda_job *j, const engine_params *p, int c, int batch) {
    size_t n = (size_t)c;
    j->scales = cuda_floats(e, p->scales, n, 0);
    j->bias = cuda_floats(e, p->biases, n, 0);
    j->mean = cuda_floats(e, p->rolling_mean, n, batch);
    j->var = cuda_floats(e, p->rolling_variance, n, batch);
    j->batch = batch;
}

void engine_cuda_norm(engine *e, float *y, const float *x, size_t rows, int c,
                      const engine_params *p, act_kind a, int batch, float *stat) {
    cuda_job j = open_job(e, rows, c);
    take_params(e, &j, p, c, batch);
    j.x = x;
    j.y = y;
    j.stat = stat;
    j.act = a;
    if (batch) {
        engine_cuda_each(e, RUN_norm_band, (size_t)j.bands * (size_t)c, &j);
        put_together(e, &j, RUN_norm_chunk, RUN_norm_more);
    }
    engine_cuda_each(e, RUN_norm_stat, (size_t)c, &j);
    engine_cuda_each(e, RUN_norm_apply, rows * (size_t)c, &j);
}

void engine_cuda_norm_back(engine *e, float *dx, const float *dy, const float *x, size_t rows,
                           int c, const engine_params *p, act_kind a, int batch, int theta_grads,
                           float *stat) {
    cuda_job j = open_job(e, rows, c);
    (void)act_slope(a, &j.slope);
    j.x = x;
    j.dy = dy;
    j.dx = dx;
    j.stat = stat;
    j.batch = batch;
    j.grads = theta_grads;
    if (batch || theta_grads) {
        engine_cuda_each(e, RUN_sum_band, (size_t)j.bands * (size_t)c, &j);
        put_together(e, &j, RUN_sum_chunk, RUN_sum_more);
    }
    if (theta_grads) {
        j.u = cuda_floats(e, p->bias_updates, (size_t)c, 1);
        j.v = cuda_floats(e, p->scale_updates, (size_t)c, 1);
    }
    engine_cuda_each(e, RUN_norm_back_stat, (size_t)c, &j);
    engine_cuda_each(e, RUN_norm_back, rows * (size_t)c, &j);
}

void engine_cuda_bias_update(engine *e, float *update, const float *dy, size_t rows, int c) {
    cuda_job j = open_job(e, rows, c);
    j.dy = dy;
    engine_cuda_each(e, RUN_sum_band, (size_t)j.bands * (size_t)c, &j);
    put_together(e, &j, RUN_sum_chunk, RUN_sum_more);
    j.u = cuda_floats(e, update, (size_t)c, 1);
    engine_cuda_each(e, RUN_bias_update, (size_t)c, &j);
}

void engine_cuda_products(engine *e, double *sums, const float *dy, int dy_c, const float *x,
                          int x_c, size_t rows) {
    int c = dy_c < x_c ? dy_c : x_c;
    cuda_job j = open_job(e, rows, c);
    j.dy = dy;
    j.x2 = x;
    j.step = (uint32_t)dy_c;
    j.step2 = (uint32_t)x_c;
    engine_cuda_each(e, RUN_product_band, (size_t)j.bands * (size_t)c, &j);
    put_together(e, &j, RUN_sum_chunk, RUN_sum_more);
    j.total = sums;
    engine_cuda_each(e, RUN_product_sum, (size_t)c, &j);
}
