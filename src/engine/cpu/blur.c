/* blur.c - the same blur of every channel: what antialiasing= puts after a convolution or a
 * maxpool, which then runs at stride 1. 3: 1 2 1 both ways over 16, with a border of zeros; 2: the
 * mean of four, without a border. */
#include "engine/cpu/cpu.h"
#include <string.h>

static const float weights[2][3] = {{.5f, .5f}, {.25f, .5f, .25f}};

static int shape(const engine *e, node *n, char *err) {
    shape4 s = e->nodes[n->in[0]].s;
    int size = n->d.size, pad = size - 2;
    if (s.h + 2 * pad < size || s.w + 2 * pad < size)
        return fail(err,
                    "node %d: a map of %dx%d is too small for a blur of size %d; use a larger "
                    "picture",
                    n->id, s.h, s.w, size);
    n->s = (shape4){s.n, (s.h + 2 * pad - size) / n->d.stride + 1,
                    (s.w + 2 * pad - size) / engine_stride_x(&n->d) + 1, s.c};
    return 0;
}

/* One output pixel and all that it sees: y += w*x, or the other way round dx += w*dy. */
static void pixel(const node *n, shape4 in, int oy, int ox, float *y, const float *x, float *dx,
                  const float *dy) {
    const float *w = weights[n->d.size - 2];
    int size = n->d.size, y0 = oy * n->d.stride - (size - 2),
        x0 = ox * engine_stride_x(&n->d) - (size - 2);
    for (int j = 0; j < size; j++)
        for (int i = 0; i < size; i++) {
            if (y0 + j < 0 || y0 + j >= in.h || x0 + i < 0 || x0 + i >= in.w) continue;
            size_t at = engine_pixel(in, 0, y0 + j, x0 + i);
            if (y)
                engine_cpu_add_times(y, x + at, w[j] * w[i], (size_t)in.c);
            else
                engine_cpu_add_times(dx + at, dy, w[j] * w[i], (size_t)in.c);
        }
}

static void forward(engine *e, node *n, const engine_mode *m) {
    const node *a = &e->nodes[n->in[0]];
    shape4 in = a->s, out = n->s;
#pragma omp parallel for collapse(2) schedule(static)
    for (int b = 0; b < in.n; b++)
        for (int oy = 0; oy < out.h; oy++) {
            float *y = n->y.p + engine_pixel(out, b, oy, 0);
            memset(y, 0, (size_t)out.w * (size_t)out.c * sizeof *y);
            for (int ox = 0; ox < out.w; ox++, y += out.c)
                pixel(n, in, oy, ox, y, a->y.p + engine_pixel(in, b, 0, 0), NULL, NULL);
        }
}

/* Neighbours see the same pixels, so a picture belongs to one thread. */
static void backward(engine *e, node *n, const engine_mode *m) {
    shape4 in = e->nodes[n->in[0]].s, out = n->s;
    int add = 0;
    float *dx = engine_delta_of(e, n->in[0], &add);
    if (!dx) return;
    if (!add) e->b->zero(e, dx, shape_len(in));
#pragma omp parallel for schedule(static)
    for (int b = 0; b < in.n; b++)
        for (int k = 0; k < out.h * out.w; k++)
            pixel(n, in, k / out.w, k % out.w, NULL, NULL, dx + engine_pixel(in, b, 0, 0),
                  n->delta->b.p + engine_pixel(out, b, k / out.w, k % out.w));
}

const node_ops engine_cpu_blur = {.shape = shape, .forward = forward, .backward = backward};
