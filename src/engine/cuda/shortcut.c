/* shortcut.c - see cpu/shortcut.c: which points of two maps meet, as Darknet has it. */
#include "engine/cuda/cuda.h"

static int same(shape4 a, shape4 b) { return a.h == b.h && a.w == b.w && a.c == b.c; }
static int plain(float factor) { return !(factor < 1 || factor > 1); }

static cuda_job meeting(shape4 out, shape4 from) {
    int stride = from.w / out.w, sample = out.w / from.w;
    return (cuda_job){
        .s = out, .in = from, .stride = stride < 1 ? 1 : stride, .sample = sample < 1 ? 1 : sample};
}

static void forward(engine *e, node *n, const engine_mode *m) {
    const node *in = &e->nodes[n->in[0]], *from = &e->nodes[n->in[1]];
    cuda_job j = meeting(n->s, from->s);
    j.x = in->y.p;
    j.x2 = from->y.p;
    j.y = n->y.p;
    j.act = n->d.activation;
    j.alpha = n->d.alpha;
    j.beta = n->d.beta;
    int sum = same(in->s, from->s) && plain(j.alpha) && plain(j.beta);
    engine_cuda_each(e, sum ? RUN_add_act : RUN_meet, shape_len(n->s), &j);
}

static void pass_to_input(engine *e, node *n, shape4 from) {
    cuda_job j = meeting(n->s, from);
    if (plain(n->d.alpha)) {
        engine_delta_pass(e, n, n->in[0]);
        return;
    }
    j.alpha = n->d.alpha;
    j.dx = engine_delta_of(e, n->in[0], &j.add);
    j.dy = n->delta->b.p;
    if (j.dx) engine_cuda_each(e, RUN_meet_weigh, shape_len(n->s), &j);
}

static void backward(engine *e, node *n, const engine_mode *m) {
    const node *in = &e->nodes[n->in[0]], *from = &e->nodes[n->in[1]];
    engine_cuda_delta_act(e, n, n->d.activation, NULL);
    pass_to_input(e, n, from->s);
    if (same(in->s, from->s) && plain(n->d.beta)) {
        engine_delta_pass(e, n, n->in[1]);
        return;
    }
    cuda_job j = meeting(n->s, from->s);
    j.beta = n->d.beta;
    j.dx = engine_delta_of(e, n->in[1], &j.add);
    j.dy = n->delta->b.p;
    if (j.dx) engine_cuda_each(e, RUN_meet_back, shape_len(from->s), &j);
}

const node_ops engine_cuda_shortcut = {.forward = forward, .backward = backward};
