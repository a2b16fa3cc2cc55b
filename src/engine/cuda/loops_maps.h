/* loops_maps.h - moving and adding maps, activations, factors of channels; see loops.h. One
 * iteration an element of what is written. */
#ifndef MP_CUDA_LOOPS_MAPS_H
#define MP_CUDA_LOOPS_MAPS_H
#include "engine/cuda/loops_job.h"

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
#endif
