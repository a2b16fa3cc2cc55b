/* layout.h - between the engine's NHWC and everybody else's NCHW, for the tests. */
#ifndef LAYOUT_H
#define LAYOUT_H
#include "ops/shape.h"

static inline size_t nhwc_at(shape4 s, size_t nchw) {
    size_t area = (size_t)s.h * (size_t)s.w, p = nchw % area, c = nchw / area % (size_t)s.c,
           n = nchw / area / (size_t)s.c;
    return (n * area + p) * (size_t)s.c + c;
}
static inline void to_nhwc(float *out, const float *in, shape4 s) {
    for (size_t i = 0; i < shape_len(s); i++) out[nhwc_at(s, i)] = in[i];
}
static inline void to_nchw(float *out, const float *in, shape4 s) {
    for (size_t i = 0; i < shape_len(s); i++) out[i] = in[nhwc_at(s, i)];
}
#endif
