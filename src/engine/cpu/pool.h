/* pool.h - the windows of maxpool and local_avgpool: Darknet's rule, `pad` in total and the first
 * window half of it outside the picture. */
#ifndef MP_POOL_H
#define MP_POOL_H
#include "engine/cpu/cpu.h"

/* What one output pixel sees of the picture: rows y0 .. y1-1, columns x0 .. x1-1. */
typedef struct {
    int y0, y1, x0, x1;
} pool_window;

static inline pool_window engine_pool_window(const engine_op *d, shape4 in, int oy, int ox) {
    int y = oy * d->stride - d->pad / 2, x = ox * engine_stride_x(d) - d->pad / 2;
    return (pool_window){y < 0 ? 0 : y, y + d->size < in.h ? y + d->size : in.h, x < 0 ? 0 : x,
                         x + d->size < in.w ? x + d->size : in.w};
}

static inline int engine_pool_shape(const engine *e, node *n, char *err) {
    shape4 s = e->nodes[n->in[0]].s;
    int size = n->d.size, pad = n->d.pad;
    if (s.h + pad < size || s.w + pad < size) {
        return fail(err,
                    "node %d: a pooling window of size %d does not fit its input of %dx%d; use a "
                    "larger picture",
                    n->id, size, s.h, s.w);
    }
    if (pad - pad / 2 >= size) {
        return fail(
            err,
            "node %d: padding=%d lets a window of size %d lie outside the picture; use at most %d",
            n->id, pad, size, 2 * size - 2);
    }
    n->s = (shape4){s.n, (s.h + pad - size) / n->d.stride + 1,
                    (s.w + pad - size) / engine_stride_x(&n->d) + 1, s.c};
    return 0;
}
#endif
