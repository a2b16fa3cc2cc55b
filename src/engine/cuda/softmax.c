/* softmax.c - see cpu/softmax.c. */
#include "engine/cuda/cuda.h"
#include <stdlib.h>

/* The loss of each picture and of all, in double; the labels. */
typedef struct {
    buffer sums, truth;
    int has_loss;
} softmax;

static void plan(engine *e, node *n) {
    softmax *f = calloc(1, sizeof *f);
    if (!f) engine_die("out of memory for node %d", n->id);
    engine_need(e, &f->sums, 2 * ((size_t)n->s.n + 1));
    engine_need(e, &f->truth, shape_len(n->s));
    n->state = f;
}

static void release(engine *e, node *n) {
    softmax *f = n->state;
    engine_drop(e, &f->sums);
    engine_drop(e, &f->truth);
    free(f);
}

static void forward(engine *e, node *n, const engine_mode *m) {
    softmax *f = n->state;
    size_t len = shape_len(n->s);
    int add = 0;
    double *sums = (double *)(void *)f->sums.p;
    cuda_job j = {.x = e->nodes[n->in[0]].y.p,
                  .y = n->y.p,
                  .s = n->s,
                  .scale = n->d.temperature,
                  .n = (uint32_t)n->s.n,
                  .sum = sums + 1,
                  .total = sums};
    n->loss = 0;
    f->has_loss = e->truth && !n->d.noloss;
    if (f->has_loss) {
        engine_cuda_upload(e, f->truth.p, e->truth, len * sizeof *e->truth);
        j.x2 = f->truth.p;
    }
    engine_cuda_each(e, RUN_softmax, (size_t)n->s.n, &j);
    if (!f->has_loss) return;
    engine_cuda_each(e, RUN_loss, 1, &j);
    float *d = m->keep ? engine_delta_of(e, n->id, &add) : NULL;
    if (d)
        engine_cuda_each(e, RUN_softmax_delta, len,
                         &(cuda_job){.dx = d, .y = n->y.p, .x2 = f->truth.p, .add = add});
}

double engine_cuda_loss(engine *e, node *n) {
    softmax *f = n->state;
    if (f->has_loss) engine_cuda_download(e, &n->loss, f->sums.p, sizeof n->loss);
    f->has_loss = 0;
    return n->loss;
}

/* delta is already that of the logits: Darknet leaves out the temperature here, and files were
 * trained so. */
static void backward(engine *e, node *n, const engine_mode *m) {
    engine_delta_pass(e, n, n->in[0]);
}

const node_ops engine_cuda_softmax = {
    .plan = plan, .forward = forward, .backward = backward, .free = release};
