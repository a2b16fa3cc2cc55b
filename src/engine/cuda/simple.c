/* simple.c - shortcut, route, upsample, activation, pooling, dropout, DropBlock: one loop each, as
 * the CPU's files have them. */
#include "engine/cuda/cuda.h"
#include <stdlib.h>

static float *input(engine *e, const node *n) { return e->nodes[n->in[0]].y.p; }

void engine_cuda_delta_act(engine *e, node *n, act_kind a) {
    if (a == ACT_LINEAR) return;
    const float *from;
    float *to = engine_delta_change(e, n, &from);
    engine_cuda_each(e, RUN_act_back, shape_len(n->s),
                     &(cuda_job){.dx = to, .dy = from, .y = n->y.p, .act = a});
}

void engine_cuda_activation_forward(engine *e, node *n, const engine_mode *m) {
    engine_cuda_each(e, RUN_act, shape_len(n->s),
                     &(cuda_job){.y = n->y.p, .x = input(e, n), .act = n->d.act});
}

void engine_cuda_activation_backward(engine *e, node *n, const engine_mode *m) {
    engine_cuda_delta_act(e, n, n->d.act);
    engine_delta_pass(e, n, n->in[0]);
}

/* ---- shortcut: which points of two maps meet, as Darknet has it
 * ---------------------------------------------------- */

static int same(shape4 a, shape4 b) { return a.h == b.h && a.w == b.w && a.c == b.c; }
static int plain(float factor) { return !(factor < 1 || factor > 1); }

static cuda_job meeting(shape4 out, shape4 from) {
    int stride = from.w / out.w, sample = out.w / from.w;
    return (cuda_job){
        .s = out, .in = from, .stride = stride < 1 ? 1 : stride, .sample = sample < 1 ? 1 : sample};
}

void engine_cuda_shortcut_forward(engine *e, node *n, const engine_mode *m) {
    const node *in = &e->nodes[n->in[0]], *from = &e->nodes[n->in[1]];
    cuda_job j = meeting(n->s, from->s);
    j.x = in->y.p;
    j.x2 = from->y.p;
    j.y = n->y.p;
    j.act = n->d.sum.act;
    j.alpha = n->d.sum.alpha;
    j.beta = n->d.sum.beta;
    int sum = same(in->s, from->s) && plain(j.alpha) && plain(j.beta);
    engine_cuda_each(e, sum ? RUN_add_act : RUN_meet, shape_len(n->s), &j);
}

static void pass_to_input(engine *e, node *n, shape4 from) {
    cuda_job j = meeting(n->s, from);
    if (plain(n->d.sum.alpha)) {
        engine_delta_pass(e, n, n->in[0]);
        return;
    }
    j.alpha = n->d.sum.alpha;
    j.dx = engine_delta_of(e, n->in[0], &j.add);
    j.dy = n->delta->b.p;
    if (j.dx) engine_cuda_each(e, RUN_meet_weigh, shape_len(n->s), &j);
}

void engine_cuda_shortcut_backward(engine *e, node *n, const engine_mode *m) {
    const node *in = &e->nodes[n->in[0]], *from = &e->nodes[n->in[1]];
    engine_cuda_delta_act(e, n, n->d.sum.act);
    pass_to_input(e, n, from->s);
    if (same(in->s, from->s) && plain(n->d.sum.beta)) {
        engine_delta_pass(e, n, n->in[1]);
        return;
    }
    cuda_job j = meeting(n->s, from->s);
    j.beta = n->d.sum.beta;
    j.dx = engine_delta_of(e, n->in[1], &j.add);
    j.dy = n->delta->b.p;
    if (j.dx) engine_cuda_each(e, RUN_meet_back, shape_len(from->s), &j);
}

/* ---- route, upsample
 * ------------------------------------------------------------------------------------------------
 */

void engine_cuda_route_forward(engine *e, node *n, const engine_mode *m) {
    uint32_t c = (uint32_t)n->s.c, at = 0;
    for (int i = 0; i < n->n_in; i++) {
        const node *a = &e->nodes[n->in[i]];
        uint32_t w = (uint32_t)a->s.c;
        engine_cuda_each(
            e, RUN_rows, shape_len(a->s),
            &(cuda_job){.y = n->y.p + at, .x = a->y.p, .step = c, .step2 = w, .width = w});
        at += w;
    }
}

void engine_cuda_route_backward(engine *e, node *n, const engine_mode *m) {
    uint32_t c = (uint32_t)n->s.c, at = 0;
    for (int i = 0; i < n->n_in; i++) {
        const node *a = &e->nodes[n->in[i]];
        uint32_t w = (uint32_t)a->s.c;
        cuda_job j = {.x = n->delta->b.p + at, .step = w, .step2 = c, .width = w};
        j.y = engine_delta_of(e, n->in[i], &j.add);
        if (j.y) engine_cuda_each(e, RUN_rows, shape_len(a->s), &j);
        at += w;
    }
}

void engine_cuda_upsample_forward(engine *e, node *n, const engine_mode *m) {
    engine_cuda_each(e, RUN_upsample, shape_len(n->s),
                     &(cuda_job){.y = n->y.p,
                                 .x = input(e, n),
                                 .s = n->s,
                                 .in = e->nodes[n->in[0]].s,
                                 .stride = n->d.up.stride,
                                 .scale = n->d.up.scale});
}

void engine_cuda_upsample_backward(engine *e, node *n, const engine_mode *m) {
    shape4 in = e->nodes[n->in[0]].s;
    cuda_job j = {
        .dy = n->delta->b.p, .s = n->s, .in = in, .stride = n->d.up.stride, .scale = n->d.up.scale};
    j.dx = engine_delta_of(e, n->in[0], &j.add);
    if (j.dx) engine_cuda_each(e, RUN_upsample_back, shape_len(in), &j);
}

/* ---- pooling
 * --------------------------------------------------------------------------------------------------------
 */

/* state: where each maximum came from. */
void engine_cuda_maxpool_plan(engine *e, node *n) {
    buffer *from = calloc(1, sizeof *from);
    if (!from) engine_die("out of memory for node %d", n->id);
    if (e->training) engine_need(e, from, shape_len(n->s));
    n->state = from;
}

void engine_cuda_maxpool_free(engine *e, node *n) {
    engine_drop(e, n->state);
    free(n->state);
}

static cuda_job window(engine *e, const node *n) {
    const buffer *from = n->state;
    return (cuda_job){.s = n->s,
                      .in = e->nodes[n->in[0]].s,
                      .size = n->d.pool.size,
                      .stride = n->d.pool.stride,
                      .pad = n->d.pool.padding / 2,
                      .index = (int32_t *)(void *)from->p};
}

void engine_cuda_maxpool_forward(engine *e, node *n, const engine_mode *m) {
    cuda_job j = window(e, n);
    j.x = input(e, n);
    j.y = n->y.p;
    if (!m->keep) j.index = NULL;
    engine_cuda_each(e, RUN_maxpool, shape_len(n->s), &j);
}

void engine_cuda_maxpool_backward(engine *e, node *n, const engine_mode *m) {
    cuda_job j = window(e, n);
    j.dy = n->delta->b.p;
    j.dx = engine_delta_of(e, n->in[0], &j.add);
    if (j.dx) engine_cuda_each(e, RUN_maxpool_back, shape_len(j.in), &j);
}

void engine_cuda_avgpool_forward(engine *e, node *n, const engine_mode *m) {
    engine_cuda_each(e, RUN_avgpool, shape_len(n->s),
                     &(cuda_job){.x = input(e, n), .y = n->y.p, .in = e->nodes[n->in[0]].s});
}

void engine_cuda_avgpool_backward(engine *e, node *n, const engine_mode *m) {
    cuda_job j = {.dy = n->delta->b.p, .in = e->nodes[n->in[0]].s};
    j.dx = engine_delta_of(e, n->in[0], &j.add);
    if (j.dx) engine_cuda_each(e, RUN_avgpool_back, shape_len(j.in), &j);
}

/* ---- dropout, DropBlock: drawn again in backward
 * --------------------------------------------------------------------- */

static rng_key_t noise_key(const node *n, const engine_mode *m) {
    return rng_key(m->seed, RNG_DROPOUT, m->draw, (uint64_t)n->id);
}

static void drop(engine *e, const node *n, const engine_mode *m, float *to, const float *from,
                 int add) {
    size_t len = shape_len(n->s);
    float p = n->d.drop.probability;
    if (!m->dropout) {
        engine_cuda_copy(e, to, from, len, add);
        return;
    }
    cuda_job j = {.y = to,
                  .x = from,
                  .s = n->s,
                  .scale = 1 / (1 - p),
                  .add = add,
                  .by_value = {.p = p, .noise.key = noise_key(n, m)}};
    j.there = engine_cuda_scalars(e, &j.by_value);
    engine_cuda_each(e, RUN_dropout, len, &j);
}

void engine_cuda_dropout_forward(engine *e, node *n, const engine_mode *m) {
    drop(e, n, m, n->y.p, input(e, n), 0);
}

void engine_cuda_dropout_backward(engine *e, node *n, const engine_mode *m) {
    int add = 0;
    float *dx = engine_delta_of(e, n->in[0], &add);
    if (dx) drop(e, n, m, dx, n->delta->b.p, add);
}

static void drop_blocks(engine *e, const node *n, const engine_mode *m, float *to,
                        const float *from, int add) {
    size_t len = shape_len(n->s);
    float p = n->d.drop.probability * m->dropblock;
    int h = n->s.h, w = n->s.w, block = engine_dropblock_size(n);
    if (!m->dropout || p <= 0) {
        engine_cuda_copy(e, to, from, len, add);
        return;
    }
    float *room = engine_need(e, &e->work, 64 + LOOP_SQUARES + LOOP_COUNTS + (len + 1) / 2 + 1);
    cuda_job j = {.y = to,
                  .x = from,
                  .s = n->s,
                  .size = block,
                  .add = add,
                  .n = (uint32_t)len,
                  .stat = room,
                  .by_value = {.p = p / (float)(block * block) * (float)(h * w) /
                                    (float)((h - block + 1) * (w - block + 1)),
                               .noise.key = noise_key(n, m)},
                  .count = (uint32_t *)(void *)(room + 64),
                  .mask = (uint8_t *)(room + 64 + LOOP_SQUARES + LOOP_COUNTS)};
    j.mask2 = j.mask + len;
    j.there = engine_cuda_scalars(e, &j.by_value);
    engine_cuda_each(e, RUN_seeds, len, &j);
    engine_cuda_each(e, RUN_blocks, len, &j);
    engine_cuda_each(e, RUN_kept, LOOP_SQUARES, &j);
    engine_cuda_each(e, RUN_kept_some, LOOP_COUNTS, &j);
    engine_cuda_each(e, RUN_kept_all, 1, &j);
    engine_cuda_each(e, RUN_masked, len, &j);
}

void engine_cuda_dropblock_forward(engine *e, node *n, const engine_mode *m) {
    drop_blocks(e, n, m, n->y.p, input(e, n), 0);
}

void engine_cuda_dropblock_backward(engine *e, node *n, const engine_mode *m) {
    int add = 0;
    float *dx = engine_delta_of(e, n->in[0], &add);
    if (dx) drop_blocks(e, n, m, dx, n->delta->b.p, add);
}
