/* shape.h - the shape of every activation tensor of ours.
 *
 * Float32, NHWC: index ((n*h + y)*w + x)*c + channel. Channels are innermost, because the kernels
 * of the perturbation are shared by all channels and oneDNN's NHWC convolutions are the fastest
 * (docs/speed.md). */
#ifndef MP_SHAPE_H
#define MP_SHAPE_H
#include <stddef.h>

typedef struct {
    int n, h, w, c;
} shape4;

static inline size_t shape_len(shape4 s) {
    return (size_t)s.n * (size_t)s.h * (size_t)s.w * (size_t)s.c;
}
#endif
