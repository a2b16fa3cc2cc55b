/* local_avgpool.c - the mean of each window, over what it holds of the picture. The fork's backward
 * divides by the whole window's size, which is no gradient where a window reaches over the border:
 * ours divides by the count, as forward does. */
#include "engine/cpu/pool.h"
#include <string.h>

static void mean_pixel(float *y, const float *x, shape4 in, pool_window v) {
    size_t c = (size_t)in.c;
    float share = 1 / (float)((v.y1 - v.y0) * (v.x1 - v.x0));
    memset(y, 0, c * sizeof *y);
    for (int iy = v.y0; iy < v.y1; iy++)
        for (int ix = v.x0; ix < v.x1; ix++)
            engine_cpu_add_times(y, x + ((size_t)iy * (size_t)in.w + (size_t)ix) * c, share, c);
}

static void forward(engine *e, node *n, const engine_mode *m) {
    const node *a = &e->nodes[n->in[0]];
    shape4 in = a->s, out = n->s;
#pragma omp parallel for collapse(2) schedule(static)
    for (int b = 0; b < in.n; b++)
        for (int oy = 0; oy < out.h; oy++)
            for (int ox = 0; ox < out.w; ox++)
                mean_pixel(n->y.p + engine_pixel(out, b, oy, ox),
                           a->y.p + engine_pixel(in, b, 0, 0), in,
                           engine_pool_window(&n->d, in, oy, ox));
}

/* Windows overlap, so a picture belongs to one thread. */
static void backward(engine *e, node *n, const engine_mode *m) {
    shape4 in = e->nodes[n->in[0]].s, out = n->s;
    int add = 0;
    float *dx = engine_delta_of(e, n->in[0], &add);
    if (!dx) return;
    if (!add) e->b->zero(e, dx, shape_len(in));
#pragma omp parallel for schedule(static)
    for (int b = 0; b < in.n; b++)
        for (int k = 0; k < out.h * out.w; k++) {
            const float *dy = n->delta->b.p + engine_pixel(out, b, k / out.w, k % out.w);
            pool_window v = engine_pool_window(&n->d, in, k / out.w, k % out.w);
            float share = 1 / (float)((v.y1 - v.y0) * (v.x1 - v.x0));
            for (int iy = v.y0; iy < v.y1; iy++)
                for (int ix = v.x0; ix < v.x1; ix++)
                    engine_cpu_add_times(dx + engine_pixel(in, b, iy, ix), dy, share, (size_t)in.c);
        }
}

const node_ops engine_cpu_local_avgpool = {
    .shape = engine_pool_shape, .forward = forward, .backward = backward};
