/* route.c - maps joined by their channels. */
#include "engine/cpu/cpu.h"
#include <string.h>

static int shape(const engine *e, node *n, char *err) {
    shape4 a = e->nodes[n->in[0]].s;
    for (int i = 1; i < n->n_in; i++) {
        shape4 b = e->nodes[n->in[i]].s;
        if (a.h != b.h || a.w != b.w) {
            return fail(err,
                        "node %d: a route cannot join maps of %dx%d (node %d) and %dx%d (node %d)",
                        n->id, a.h, a.w, n->in[0], b.h, b.w, n->in[i]);
        }
        a.c += b.c;
    }
    n->s = a;
    return 0;
}

/* rows of `width` floats: to (step to_step) = or += from (step from_step). */
static void move_rows(float *to, size_t to_step, const float *from, size_t from_step, size_t rows,
                      size_t width, int add) {
#pragma omp parallel for schedule(static)
    for (size_t r = 0; r < rows; r++) {
        float *t = to + r * to_step;
        const float *f = from + r * from_step;
        if (add)
            for (size_t j = 0; j < width; j++) t[j] += f[j];
        else
            memcpy(t, f, width * sizeof *t);
    }
}

static void forward(engine *e, node *n, const engine_mode *m) {
    size_t c = (size_t)n->s.c, rows = shape_len(n->s) / c, at = 0;
    for (int i = 0; i < n->n_in; i++) {
        const node *a = &e->nodes[n->in[i]];
        move_rows(n->y.p + at, c, a->y.p, (size_t)a->s.c, rows, (size_t)a->s.c, 0);
        at += (size_t)a->s.c;
    }
}

static void backward(engine *e, node *n, const engine_mode *m) {
    size_t c = (size_t)n->s.c, rows = shape_len(n->s) / c, at = 0;
    for (int i = 0; i < n->n_in; i++) {
        size_t w = (size_t)e->nodes[n->in[i]].s.c;
        int add = 0;
        float *dx = engine_delta_of(e, n->in[i], &add);
        if (dx) move_rows(dx, w, n->delta->b.p + at, c, rows, w, add);
        at += w;
    }
}

const node_ops engine_cpu_route = {.shape = shape, .forward = forward, .backward = backward};
