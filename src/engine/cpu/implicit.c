/* implicit.c - a learned vector, the same for every picture, that reads nothing: [implicit] of
 * AlexeyAB's fork. Its weights lie as (c, h), as its output does in Darknet's order. */
#include "engine/cpu/cpu.h"

static int shape(const engine *e, node *n, char *err) {
    n->s = (shape4){e->nodes[0].s.n, n->d.fixed.h, 1, n->d.fixed.c};
    return 0;
}

static void forward(engine *e, node *n, const engine_mode *m) {
    size_t c = (size_t)n->s.c, h = (size_t)n->s.h;
    float *y = n->y.p;
    for (int b = 0; b < n->s.n; b++)
        for (size_t i = 0; i < h; i++)
            for (size_t j = 0; j < c; j++) *y++ = n->d.p.weights[j * h + i];
}

static void backward(engine *e, node *n, const engine_mode *m) {
    size_t c = (size_t)n->s.c, h = (size_t)n->s.h;
    for (size_t k = 0; m->theta_grads && k < c * h; k++) {
        double sum = 0;
        for (size_t b = 0; b < (size_t)n->s.n; b++)
            sum += (double)n->delta->b.p[(b * h + k % h) * c + k / h];
        n->d.p.weight_updates[k] += (float)sum;
    }
}

const node_ops engine_cpu_implicit = {.shape = shape, .forward = forward, .backward = backward};
