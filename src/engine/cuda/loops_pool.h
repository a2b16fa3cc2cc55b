/* loops_pool.h - pooling, blurs, reorg3d; see loops.h. */
#ifndef MP_CUDA_LOOPS_POOL_H
#define MP_CUDA_LOOPS_POOL_H
#include "engine/cuda/loops_job.h"

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
#endif
