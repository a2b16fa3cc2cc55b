/* dropblock.c - DropBlock (Ghiasi, Lin, Le 2018): squares of a map are dropped, by a mask of its
 * own for each channel.
 *
 *   bs    = min(block, H, W)                    gamma = p/bs^2 * H*W / ((H-bs+1)(W-bs+1))
 *   seeds = pixels drawn with probability gamma among the (H-bs+1)(W-bs+1) that are the corner of a
 * block inside the map y     = x * mask * count(mask)/kept(mask)   counted over the whole batch, as
 * whole numbers: the order does not matter */
#include "engine/cpu/cpu.h"
#include <omp.h>
#include <string.h>

int engine_dropblock_size(const node *n) {
    int edge = n->s.h < n->s.w ? n->s.h : n->s.w;
    int block = n->d.block_rel > 0 ? (int)(n->d.block_rel * (float)edge + 0.5f) : n->d.block;
    return block < 1 ? 1 : block < edge ? block : edge;
}

typedef struct {
    size_t kept;
    const uint8_t *mask;
} blocks;

static void clear(uint8_t *mask, size_t row, size_t c, int block) {
    for (size_t y = 0; y < (size_t)block; y++)
        for (size_t x = 0; x < (size_t)block; x++) mask[y * row + x * c] = 0;
}

/* The mask of one picture, and how much of it is kept. Seeds are drawn row by row, as [dropout]'s
 * are. */
static size_t draw_one(uint8_t *mask, float *u, const node *n, int picture, rng_key_t key,
                       int block, float gamma) {
    size_t c = (size_t)n->s.c, row = (size_t)n->s.w * c, len = row * (size_t)n->s.h, kept = 0;
    size_t places = (size_t)(n->s.w - block + 1) * c;
    memset(mask, 1, len);
    for (int y = 0; y <= n->s.h - block; y++) {
        rng_uniform_row(u, places, key, (uint32_t)picture * (uint32_t)n->s.h + (uint32_t)y);
        for (size_t i = 0; i < places; i++)
            if (u[i] < gamma) clear(mask + (size_t)y * row + i, row, c, block);
    }
    for (size_t i = 0; i < len; i++) kept += mask[i];
    return kept;
}

static blocks draw(engine *e, const node *n, const engine_mode *m) {
    rng_key_t key = rng_key(m->seed, RNG_DROPOUT, m->draw, (uint64_t)n->id);
    size_t len = shape_len(n->s), image = len / (size_t)n->s.n,
           room = ((size_t)n->s.w * (size_t)n->s.c + 15) / 16 * 16;
    int block = engine_dropblock_size(n), h = n->s.h, w = n->s.w;
    float p = n->d.probability * m->dropblock;
    float gamma = p / (float)(block * block) * (float)(h * w) /
                  (float)((h - block + 1) * (w - block + 1));
    float *u = engine_need(e, &e->work, room * (size_t)omp_get_max_threads() + (len + 3) / 4);
    uint8_t *mask = (uint8_t *)(u + room * (size_t)omp_get_max_threads());
    size_t kept = 0;
#pragma omp parallel for schedule(static) reduction(+ : kept)
    for (int b = 0; b < n->s.n; b++)
        kept += draw_one(mask + (size_t)b * image, u + room * (size_t)omp_get_thread_num(), n, b,
                         key, block, gamma);
    return (blocks){kept, mask};
}

CPU_CLONES static void apply(float *restrict to, const float *restrict from,
                             const uint8_t *restrict mask, size_t n, float scale, int add) {
    if (add)
        for (size_t i = 0; i < n; i++) to[i] += mask[i] ? scale * from[i] : 0;
    else
        for (size_t i = 0; i < n; i++) to[i] = mask[i] ? scale * from[i] : 0;
}

static void drop(engine *e, const node *n, const engine_mode *m, float *to, const float *from,
                 int add) {
    size_t len = shape_len(n->s);
    if (!m->dropout || n->d.probability * m->dropblock <= 0) {
        engine_cpu_copy(to, from, len, add);
        return;
    }
    blocks k = draw(e, n, m);
    float scale = k.kept ? (float)((double)len / (double)k.kept) : 0;
#pragma omp parallel
    {
        size_t a, b;
        engine_cpu_share(len, CPU_GRAIN, &a, &b);
        apply(to + a, from + a, k.mask + a, b - a, scale, add);
    }
}

static void forward(engine *e, node *n, const engine_mode *m) {
    drop(e, n, m, n->y.p, e->nodes[n->in[0]].y.p, 0);
}

static void backward(engine *e, node *n, const engine_mode *m) {
    int add = 0;
    float *dx = engine_delta_of(e, n->in[0], &add);
    if (dx) drop(e, n, m, dx, n->delta->b.p, add);
}

const node_ops engine_cpu_dropblock = {.forward = forward, .backward = backward};
