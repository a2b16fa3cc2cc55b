/* dropblock.c - see cpu/dropblock.c; drawn again in backward. */
#include "engine/cuda/cuda.h"

static void drop_blocks(engine *e, const node *n, const engine_mode *m, float *to,
                        const float *from, int add) {
    size_t len = shape_len(n->s);
    float p = n->d.probability * m->dropblock;
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
                               .noise.key = engine_cuda_drop_key(n, m)},
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

static void forward(engine *e, node *n, const engine_mode *m) {
    drop_blocks(e, n, m, n->y.p, engine_input(e, n), 0);
}

static void backward(engine *e, node *n, const engine_mode *m) {
    int add = 0;
    float *dx = engine_delta_of(e, n->in[0], &add);
    if (dx) drop_blocks(e, n, m, dx, n->delta->b.p, add);
}

const node_ops engine_cuda_dropblock = {.forward = forward, .backward = backward};
