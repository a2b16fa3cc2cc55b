/* reorg3d.c - each square of stride x stride pixels becomes the channels of one pixel: channel
 * (dy*stride + dx)*C + c has what channel c has dx to the right of and dy below its corner. */
#include "engine/cpu/cpu.h"
#include <string.h>

static int shape(const engine *e, node *n, char *err) {
    shape4 s = e->nodes[n->in[0]].s;
    int k = n->d.stride;
    if (s.h % k || s.w % k)
        return fail(err,
                    "node %d: stride=%d does not divide a map of %dx%d; use another picture size",
                    n->id, k, s.h, s.w);
    n->s = (shape4){s.n, s.h / k, s.w / k, s.c * k * k};
    return 0;
}

/* Where the channels of an input pixel lie in the output. */
static size_t place(const node *n, shape4 in, int b, int y, int x) {
    int k = n->d.stride;
    return engine_pixel(n->s, b, y / k, x / k) + (size_t)((y % k * k + x % k) * in.c);
}

static void forward(engine *e, node *n, const engine_mode *m) {
    const node *a = &e->nodes[n->in[0]];
    shape4 in = a->s;
#pragma omp parallel for schedule(static)
    for (int r = 0; r < in.n * in.h; r++)
        for (int x = 0; x < in.w; x++)
            memcpy(n->y.p + place(n, in, r / in.h, r % in.h, x),
                   a->y.p + engine_pixel(in, r / in.h, r % in.h, x), (size_t)in.c * sizeof(float));
}

static void backward(engine *e, node *n, const engine_mode *m) {
    shape4 in = e->nodes[n->in[0]].s;
    int add = 0;
    float *dx = engine_delta_of(e, n->in[0], &add);
    if (!dx) return;
#pragma omp parallel for schedule(static)
    for (int r = 0; r < in.n * in.h; r++)
        for (int x = 0; x < in.w; x++) {
            float *to = dx + engine_pixel(in, r / in.h, r % in.h, x);
            const float *dy = n->delta->b.p + place(n, in, r / in.h, r % in.h, x);
            for (int c = 0; c < in.c; c++) to[c] = add ? to[c] + dy[c] : dy[c];
        }
}

const node_ops engine_cpu_reorg3d = {.shape = shape, .forward = forward, .backward = backward};
