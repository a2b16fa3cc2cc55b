/* softmax.c - softmax over the channels of a 1x1 map, with its loss. */
#include "engine/cpu/cpu.h"
#include <math.h>

static int shape(const engine *e, node *n, char *err) {
    shape4 s = e->nodes[n->in[0]].s;
    if (s.h != 1 || s.w != 1) {
        return fail(err,
                    "node %d: the softmax needs a 1x1 map and gets %dx%d; put [avgpool] or "
                    "[connected] before it",
                    n->id, s.h, s.w);
    }
    n->s = s;
    return 0;
}

/* p = softmax(x / t). The largest logit is subtracted, or expf overflows. */
static void softmax_row(float *p, const float *x, int c, float t) {
    float top = x[0];
    double sum = 0;
    for (int j = 1; j < c; j++) top = x[j] > top ? x[j] : top;
    for (int j = 0; j < c; j++) {
        p[j] = expf((x[j] - top) / t);
        sum += p[j];
    }
    for (int j = 0; j < c; j++) p[j] = (float)(p[j] / sum);
}

static void forward(engine *e, node *n, const engine_mode *m) {
    const float *x = e->nodes[n->in[0]].y.p;
    int c = n->s.c;
#pragma omp parallel for schedule(static)
    for (int b = 0; b < n->s.n; b++) {
        softmax_row(n->y.p + (size_t)b * (size_t)c, x + (size_t)b * (size_t)c, c, n->d.temperature);
    }
    n->loss = 0;
    if (!e->truth || n->d.noloss) return;
    size_t len = shape_len(n->s);
    for (size_t i = 0; i < len; i++) {
        if (e->truth[i] != 0) n->loss -= e->truth[i] * log(fmax(n->y.p[i], 1e-12));
        /* fmax drops a NaN; a diverged network must show. */
        if (isnan(n->y.p[i])) n->loss = NAN;
    }
    int add = 0;
    float *d = m->keep ? engine_delta_of(e, n->id, &add) : NULL;
    for (size_t i = 0; d && i < len; i++) d[i] = (add ? d[i] : 0) + e->truth[i] - n->y.p[i];
}

/* delta is already that of the logits: Darknet leaves out the temperature here, and files were
 * trained so. */
static void backward(engine *e, node *n, const engine_mode *m) {
    engine_delta_pass(e, n, n->in[0]);
}

const node_ops engine_cpu_softmax = {.shape = shape, .forward = forward, .backward = backward};
