/* loops.h - what the CUDA back end computes by itself, as loops whose iterations know nothing of
 * each other.
 *
 * kernels.cu launches each over a grid; tests/cuda_sim runs the same text on the CPU. NHWC:
 * neighbouring iterations touch neighbouring channels. Nothing is added up atomically: sums go
 * through bands of rows, then chunks of bands, then one iteration a channel, always in the same
 * order. Each loop's comment says what one iteration is; the meaning of the numbers is that of the
 * CPU's loops (engine/cpu). */
#ifndef MP_CUDA_LOOPS_H
#define MP_CUDA_LOOPS_H
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

/* ---- moving and adding; one iteration an element of what is written ---- */

LOOP(from_nchw) {
    loop_place p = loop_place_of(i, b->s);
    loop_put(b->y + i,
             b->x[(((uint32_t)p.n * (uint32_t)b->s.c + (uint32_t)p.c) * (uint32_t)b->s.h +
                   (uint32_t)p.y) *
                      (uint32_t)b->s.w +
                  (uint32_t)p.x],
             b->add);
}

LOOP(to_nchw) {
    uint32_t x = i % (uint32_t)b->s.w, r = i / (uint32_t)b->s.w, y = r % (uint32_t)b->s.h,
             q = r / (uint32_t)b->s.h;
    b->y[i] = b->x[loop_at(b->s, (int)(q / (uint32_t)b->s.c), (int)y, (int)x,
                           (int)(q % (uint32_t)b->s.c))];
}

LOOP(add) { b->y[i] += b->x[i]; }
LOOP(act) { b->y[i] = act_value(b->x[i], b->act); }
/* Kinds that need x and do not get it give NaN. */
LOOP(act_back) {
    float x = b->x ? b->x[i] : vec_bits(0x7fc00000u);
    b->dx[i] = b->dy[i] * act_slope_at(x, b->y[i], b->act);
}
/* Activations over the channels of a pixel, one iteration a pixel: see ops/activation.h. */
/* What is taken off every channel, so that none overflows. */
VEC_INLINE float loop_lowered(const cuda_job *b, const float *x) {
    float most = x[0];
    for (int c = 1; c < b->s.c; c++) most = x[c] > most ? x[c] : most;
    return b->act == ACT_NORM_CHAN_SOFTMAX && most < 0 ? 0 : most;
}
/* What of a channel is shared out; and all of it, with eps (which shrinks as the shift grows). */
VEC_INLINE float loop_part(const cuda_job *b, float x, float shift) {
    return b->act != ACT_NORM_CHAN ? expf(x - shift) : x > 0 ? x : 0;
}
VEC_INLINE float loop_whole(const cuda_job *b, const float *x, float shift) {
    float sum = b->act == ACT_NORM_CHAN_SOFTMAX ? ACT_CHANNEL_EPS * expf(-shift) : ACT_CHANNEL_EPS;
    for (int c = 0; c < b->s.c; c++) sum += loop_part(b, x[c], shift);
    return sum;
}
LOOP(channels) {
    const float *x = b->x + (size_t)i * (size_t)b->s.c;
    float *y = b->y + (size_t)i * (size_t)b->s.c, shift = loop_lowered(b, x),
          over = 1 / loop_whole(b, x, shift);
    for (int c = 0; c < b->s.c; c++) y[c] = loop_part(b, x[c], shift) * over;
}
LOOP(channels_back) {
    size_t at = (size_t)i * (size_t)b->s.c;
    const float *x = b->x + at, *y = b->y + at, *dy = b->dy + at;
    float *dx = b->dx + at, g = 0, over = 1 / loop_whole(b, x, loop_lowered(b, x));
    int top = 0;
    for (int c = 0; c < b->s.c; c++) {
        g += y[c] * dy[c];
        top = x[c] > x[top] ? c : top;
    }
    for (int c = 0; c < b->s.c; c++)
        dx[c] = b->act != ACT_NORM_CHAN ? y[c] * (dy[c] - g) : x[c] > 0 ? (dy[c] - g) * over : 0;
    if (b->act == ACT_NORM_CHAN_SOFTMAX_MAXVAL) dx[top] -= g * ACT_CHANNEL_EPS * y[top];
}
LOOP(add_act) { b->y[i] = act_value(b->x[i] + b->x2[i], b->act); }
LOOP(bias_act) { b->y[i] = act_value(b->y[i] + b->bias[i % (uint32_t)b->s.c], b->act); }

/* Rows of `width` floats, `step` apart in y and `step2` in x. */
LOOP(rows) {
    uint32_t r = i / b->width, c = i % b->width;
    loop_put(b->y + (size_t)r * b->step + c, b->x[(size_t)r * b->step2 + c], b->add);
}

/* A shortcut between unequal maps: s is the output's, `in` that of `from` (x2). */
VEC_INLINE int loop_meets(const cuda_job *b, loop_place p) {
    return p.y % b->sample == 0 && p.x % b->sample == 0 &&
           p.y / b->sample < loop_least(b->s.h, b->in.h) &&
           p.x / b->sample < loop_least(b->s.w, b->in.w) && p.c < b->in.c;
}

LOOP(meet) {
    loop_place p = loop_place_of(i, b->s);
    float v = b->x[i];
    int y = p.y / b->sample, x = p.x / b->sample;
    if (loop_meets(b, p))
        v = b->alpha * v + b->beta * b->x2[loop_at(b->in, p.n, y * b->stride, x * b->stride, p.c)];
    b->y[i] = act_value(v, b->act);
}

/* What alpha leaves of an element of the output's delta. */
LOOP(meet_weigh) {
    loop_put(b->dx + i, loop_meets(b, loop_place_of(i, b->s)) ? b->alpha * b->dy[i] : b->dy[i],
             b->add);
}

/* An element of `from`. */
LOOP(meet_back) {
    loop_place p = loop_place_of(i, b->in);
    int y = p.y / b->stride, x = p.x / b->stride;
    float v = 0;
    if (p.y % b->stride == 0 && p.x % b->stride == 0 && y < loop_least(b->s.h, b->in.h) &&
        x < loop_least(b->s.w, b->in.w) && p.c < b->s.c)
        v = b->beta * b->dy[loop_at(b->s, p.n, y * b->sample, x * b->sample, p.c)];
    loop_put(b->dx + i, v, b->add);
}

LOOP(upsample) {
    loop_place p = loop_place_of(i, b->s);
    b->y[i] = b->scale * b->x[loop_at(b->in, p.n, p.y / b->stride, p.x / b->stride, p.c)];
}

LOOP(upsample_back) {
    loop_place p = loop_place_of(i, b->in);
    float v = b->add ? b->dx[i] : 0;
    for (int k = 0; k < b->stride * b->stride; k++)
        v += b->scale * b->dy[loop_at(b->s, p.n, p.y * b->stride + k / b->stride,
                                      p.x * b->stride + k % b->stride, p.c)];
    b->dx[i] = v;
}

/* A map (x2) times factors (x, of the shape `in`): see cpu/scale_channels.c. */
VEC_INLINE uint32_t loop_factor(uint32_t i, const cuda_job *b) {
    loop_place p = loop_place_of(i, b->s);
    int one = b->in.h == 1 && b->in.w == 1;
    return loop_at(b->in, p.n, one ? 0 : p.y, one ? 0 : p.x, b->in.c == 1 ? 0 : p.c);
}
LOOP(scale) { b->y[i] = act_value(b->x2[i] * b->x[loop_factor(i, b)], b->act); }
LOOP(shift) { b->y[i] = act_value(b->x2[i] + b->x[loop_factor(i, b)], b->act); }
LOOP(scale_back) { loop_put(b->dx + i, b->dy[i] * b->x[loop_factor(i, b)], b->add); }
/* A factor; x2 NULL: of a sum. */
LOOP(scale_factors) {
    loop_place p = loop_place_of(i, b->in);
    int one = b->in.h == 1 && b->in.w == 1, c1 = b->in.c == 1 ? b->s.c : p.c + 1;
    double sum = 0;
    for (int y = one ? 0 : p.y; y < (one ? b->s.h : p.y + 1); y++)
        for (int x = one ? 0 : p.x; x < (one ? b->s.w : p.x + 1); x++)
            for (int c = p.c; c < c1; c++) {
                uint32_t at = loop_at(b->s, p.n, y, x, c);
                sum += (double)(b->dy[at] * (b->x2 ? b->x2[at] : 1));
            }
    loop_put(b->dx + i, (float)sum, b->add);
}

/* A map (y) from one of other channels (x, of the shape `in`), or its delta the other way round,
 * times the channel's factor; see cpu/weighted_sum.c. */
LOOP(weigh) {
    uint32_t c = i % (uint32_t)b->s.c, at = i / (uint32_t)b->s.c * (uint32_t)b->in.c + c;
    float v = c < (uint32_t)b->in.c ? (b->scales ? b->scales[c] : 1) * b->x[at] : 0;
    loop_put(b->y + i, v, b->add);
}

/* Factors (y, n rows of `step`) of a channel from weights (x, n rows of step2). */
LOOP(factors) {
    sum_factors(b->y + i, b->step, b->x + (b->step2 > 1 ? i : 0), b->step2, (int)b->n, b->norm);
}

/* A set of weights: from the factors' gradients (total), of one set for all channels their sum. */
LOOP(factors_back) {
    for (uint32_t k = 0; b->step2 == 1 && k < b->n; k++) {
        double sum = 0;
        for (uint32_t c = 0; c < b->step; c++) sum += b->total[(size_t)k * b->step + c];
        b->total[(size_t)k * b->step] = sum;
    }
    sum_factors_back(b->u + i, b->total + i, b->step, b->x + i, b->step2, (int)b->n, b->norm);
}

/* Learned numbers (x) as a map; see cpu/implicit.c. / One of them. */
LOOP(implicit) {
    loop_place p = loop_place_of(i, b->s);
    b->y[i] = b->x[p.c * b->s.h + p.y];
}
LOOP(implicit_back) {
    int h = b->s.h;
    double sum = 0;
    for (int n = 0; n < b->s.n; n++)
        sum += (double)b->dy[loop_at(b->s, n, (int)i % h, 0, (int)i / h)];
    b->u[i] += (float)sum;
}

/* ---- pooling ---- */

/* What an output pixel's window holds of the picture: see cpu/pool.h; `pad` is half of the node's.
 */
typedef struct {
    int y0, y1, x0, x1;
} loop_window;
VEC_INLINE loop_window loop_window_of(loop_place p, const cuda_job *b) {
    int y = p.y * b->stride - b->pad, x = p.x * b->stride_x - b->pad;
    loop_window v = {y < 0 ? 0 : y, loop_least(y + b->size, b->in.h), x < 0 ? 0 : x,
                     loop_least(x + b->size, b->in.w)};
    return v;
}
/* The output pixels whose windows an input pixel lies in. */
VEC_INLINE loop_window loop_windows_at(loop_place p, const cuda_job *b) {
    int y = p.y + b->pad, x = p.x + b->pad;
    loop_window v = {
        y < b->size ? 0 : (y - b->size) / b->stride + 1, loop_least(y / b->stride + 1, b->s.h),
        x < b->size ? 0 : (x - b->size) / b->stride_x + 1, loop_least(x / b->stride_x + 1, b->s.w)};
    return v;
}

LOOP(maxpool) {
    loop_place p = loop_place_of(i, b->s);
    loop_window v = loop_window_of(p, b);
    int from = v.y0 * b->in.w + v.x0;
    float best = b->x[loop_at(b->in, p.n, v.y0, v.x0, p.c)];
    for (int y = v.y0; y < v.y1; y++)
        for (int x = v.x0; x < v.x1; x++) {
            float now = b->x[loop_at(b->in, p.n, y, x, p.c)];
            if (now > best) {
                best = now;
                from = y * b->in.w + x;
            }
        }
    b->y[i] = best;
    if (b->index) b->index[i] = from;
}

/* An element of the input: from all windows that it lies in. */
LOOP(maxpool_back) {
    loop_place p = loop_place_of(i, b->in);
    loop_window w = loop_windows_at(p, b);
    int own = p.y * b->in.w + p.x;
    float v = b->add ? b->dx[i] : 0;
    for (int oy = w.y0; oy < w.y1; oy++)
        for (int ox = w.x0; ox < w.x1; ox++) {
            uint32_t at = loop_at(b->s, p.n, oy, ox, p.c);
            if (b->index[at] == own) v += b->dy[at];
        }
    b->dx[i] = v;
}

/* y has the largest of each window of x; of the values of x these stay. / Back. */
LOOP(nonmax) {
    int largest = b->x[i] >= b->y[i];
    b->y[i] = largest ? b->x[i] : 0;
    if (b->index) b->index[i] = largest;
}
LOOP(nonmax_back) { loop_put(b->dx + i, b->index[i] ? b->dy[i] : 0, b->add); }

/* The largest of every s.c-th channel of a pixel. / An element of the input. */
LOOP(depth) {
    uint32_t own = (uint32_t)b->s.c, c = (uint32_t)b->in.c, g = i % own, best = g;
    const float *x = b->x + (size_t)(i / own) * c;
    for (uint32_t k = g + own; k < c; k += own)
        if (x[k] > x[best]) best = k;
    b->y[i] = x[best];
    if (b->index) b->index[i] = (int32_t)best;
}
LOOP(depth_back) {
    uint32_t own = (uint32_t)b->s.c, c = (uint32_t)b->in.c, k = i % c, at = i / c * own + k % own;
    loop_put(b->dx + i, (uint32_t)b->index[at] == k ? b->dy[at] : 0, b->add);
}

VEC_INLINE float loop_share(loop_window v) { return 1 / (float)((v.y1 - v.y0) * (v.x1 - v.x0)); }
LOOP(local_avgpool) {
    loop_place p = loop_place_of(i, b->s);
    loop_window v = loop_window_of(p, b);
    float sum = 0;
    for (int y = v.y0; y < v.y1; y++)
        for (int x = v.x0; x < v.x1; x++)
            sum += loop_share(v) * b->x[loop_at(b->in, p.n, y, x, p.c)];
    b->y[i] = sum;
}
LOOP(local_avgpool_back) {
    loop_place p = loop_place_of(i, b->in), o = p;
    loop_window w = loop_windows_at(p, b);
    float v = b->add ? b->dx[i] : 0;
    for (o.y = w.y0; o.y < w.y1; o.y++)
        for (o.x = w.x0; o.x < w.x1; o.x++)
            v += loop_share(loop_window_of(o, b)) * b->dy[loop_at(b->s, p.n, o.y, o.x, p.c)];
    b->dx[i] = v;
}

/* cpu/blur.c: the weight of a tap, of one side. */
VEC_INLINE float loop_tap(const cuda_job *b, int k) { return b->size == 3 && k != 1 ? .25f : .5f; }
LOOP(blur) {
    loop_place p = loop_place_of(i, b->s);
    int y0 = p.y * b->stride - b->pad, x0 = p.x * b->stride_x - b->pad;
    loop_window v = loop_window_of(p, b);
    float sum = 0;
    for (int y = v.y0; y < v.y1; y++)
        for (int x = v.x0; x < v.x1; x++)
            sum += loop_tap(b, y - y0) * loop_tap(b, x - x0) * b->x[loop_at(b->in, p.n, y, x, p.c)];
    b->y[i] = sum;
}
LOOP(blur_back) {
    loop_place p = loop_place_of(i, b->in);
    loop_window w = loop_windows_at(p, b);
    float v = b->add ? b->dx[i] : 0;
    for (int y = w.y0; y < w.y1; y++)
        for (int x = w.x0; x < w.x1; x++)
            v += loop_tap(b, p.y + b->pad - y * b->stride) *
                 loop_tap(b, p.x + b->pad - x * b->stride_x) * b->dy[loop_at(b->s, p.n, y, x, p.c)];
    b->dx[i] = v;
}

/* cpu/reorg3d.c: where an element of the input lies in the output. */
VEC_INLINE uint32_t loop_reorg(uint32_t i, const cuda_job *b) {
    loop_place p = loop_place_of(i, b->in);
    return loop_at(b->s, p.n, p.y / b->stride, p.x / b->stride,
                   (p.y % b->stride * b->stride + p.x % b->stride) * b->in.c + p.c);
}
LOOP(reorg3d) { b->y[loop_reorg(i, b)] = b->x[i]; }
LOOP(reorg3d_back) { loop_put(b->dx + i, b->dy[loop_reorg(i, b)], b->add); }

LOOP(avgpool) {
    uint32_t c = (uint32_t)b->in.c, hw = (uint32_t)b->in.h * (uint32_t)b->in.w;
    const float *x = b->x + (size_t)(i / c) * hw * c + i % c;
    double sum = 0;
    for (int y = 0; y < b->in.h; y++) {
        float part = 0;
        for (int k = 0; k < b->in.w; k++) part += x[((size_t)y * (size_t)b->in.w + (size_t)k) * c];
        sum += (double)part;
    }
    b->y[i] = (float)(sum / hw);
}

LOOP(avgpool_back) {
    uint32_t c = (uint32_t)b->in.c, hw = (uint32_t)b->in.h * (uint32_t)b->in.w;
    loop_put(b->dx + i, (float)(1.0 / hw) * b->dy[i / (hw * c) * c + i % c], b->add);
}

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

/* One of LOOP_COUNTS: of the counts, behind them. */
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

/* ---- batch norm over (rows, C) ---- */

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
