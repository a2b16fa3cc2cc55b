/* route.c - maps joined by their channels. */
#include "engine/cpu/cpu.h"
#include <string.h>

static int shape(const engine *e, node *n, char *err) {
    shape4 a = e->nodes[n->in[0]].s;
    int groups = n->d.groups > 1 ? n->d.groups : 1, c = 0;
    for (int i = 0; i < n->n_in; i++) {
        shape4 b = e->nodes[n->in[i]].s;
        if (a.h != b.h || a.w != b.w)
            return fail(err,
                        "node %d: a route cannot join maps of %dx%d (node %d) and %dx%d (node %d)",
                        n->id, a.h, a.w, n->in[0], b.h, b.w, n->in[i]);
        if (b.c % groups)
            return fail(err, "node %d: groups=%d does not divide the %d channels of node %d", n->id,
                        groups, b.c, n->in[i]);
        c += b.c / groups;
    }
    n->s = (shape4){a.n, a.h, a.w, c};
    return 0;
}

/* Channels of an input that the route takes: their number, and the first. */
static size_t part(const node *n, const node *in, size_t *first) {
    size_t c = (size_t)in->s.c / (size_t)(n->d.groups > 1 ? n->d.groups : 1);
    *first = n->d.groups > 1 ? c * (size_t)n->d.block : 0;
    return c;
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
        size_t first, w = part(n, a, &first);
        move_rows(n->y.p + at, c, a->y.p + first, (size_t)a->s.c, rows, w, 0);
        at += w;
    }
}

static void backward(engine *e, node *n, const engine_mode *m) {
    size_t c = (size_t)n->s.c, rows = shape_len(n->s) / c, at = 0;
    for (int i = 0; i < n->n_in; i++) {
        const node *a = &e->nodes[n->in[i]];
        size_t first, w = part(n, a, &first), all = (size_t)a->s.c;
        int add = 0;
        float *dx = engine_delta_of(e, n->in[i], &add);
        if (dx && !add && w < all) { /* the other parts get nothing from here */
            e->b->zero(e, dx, shape_len(a->s));
            add = 1;
        }
        if (dx) move_rows(dx + first, all, n->delta->b.p + at, c, rows, w, add);
        at += w;
    }
}

const node_ops engine_cpu_route = {.shape = shape, .forward = forward, .backward = backward};
