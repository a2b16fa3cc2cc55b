/* perturb_march_block.h - what all blocks of perturb_march.h share: their plan and place, four
 * channels at once, the rows in shared memory, and the convolution that marches down them. */
#ifndef MP_PERTURB_MARCH_BLOCK_H
#define MP_PERTURB_MARCH_BLOCK_H
#include "ops/perturb_device.h"

enum {
    MARCH_THREADS = 512,
    MARCH_WIDE = 4,
    MARCH_ALL_THREADS = 1 << 16,
    MARCH_LEAST_BAND = 8,
    MARCH_BACK_BAND = 16,
    MARCH_SHARED = 48 * 1024,
    MARCH_TAPS = 12
};

typedef struct {
    int lanes, wide; /* threads of a pixel, a power of two up to 32; quads of each */
    int tile, tiles; /* pixels of a row that a block writes, and how many such blocks; more than
                        one: it reads two more on each side */
    int band, bands; /* rows that a block writes, and how many such blocks; it reads two more above
                        and below: as many bands as keep a device busy */
    int pixels, threads;   /* that a block reads; a multiple of 32 */
    int share;             /* pixels half a row apart draw their noise together: half the work */
    int features_once;     /* features whose sums are added up over a block at once */
    size_t floats, blocks; /* of shared memory; in all */
} march_plan;

/* 0: this shape has to go by the loops of perturb_device.h. */
VEC_INLINE int march_plan_of(shape4 s, march_plan *p) {
    int quads = s.c / 4, most;
    size_t c = (size_t)s.c;
    if (s.c % 4 || quads > 32 * MARCH_WIDE) return 0;
    for (p->lanes = 1; p->lanes < quads && p->lanes < 32;) p->lanes *= 2;
    for (p->wide = 1; p->wide * p->lanes < quads;) p->wide *= 2;
    most = MARCH_THREADS / p->lanes / (p->wide > 1 ? 2 : 1);
    if (s.w > most && most < 8) return 0;
    p->tiles = s.w <= most ? 1 : (s.w + most - 5) / (most - 4);
    p->tile = (s.w + p->tiles - 1) / p->tiles;
    p->pixels = p->tiles == 1 ? s.w : p->tile + 4;
    p->threads = (p->pixels * p->lanes + 31) / 32 * 32;
    p->band = s.h;
    while (p->band > MARCH_LEAST_BAND && (size_t)s.n * (size_t)p->tiles *
                                                 (size_t)((s.h + p->band - 1) / p->band) *
                                                 (size_t)p->threads <
                                             MARCH_ALL_THREADS)
        p->band = (p->band + 1) / 2;
    p->bands = (s.h + p->band - 1) / p->band;
    p->blocks = (size_t)s.n * (size_t)p->bands * (size_t)p->tiles;
    p->floats = 2 * (size_t)(p->pixels + 2) * c + 4 * MARCH_TAPS + 2 * ((size_t)p->pixels + 2);
    if (p->floats * sizeof(float) > MARCH_SHARED) return 0;
    p->share = p->tiles == 1 && s.w % 2 == 0 &&
               (p->floats + (size_t)s.w / 2 * c) * sizeof(float) <= MARCH_SHARED;
    if (p->share) p->floats += (size_t)s.w / 2 * c;
    p->features_once = 4 * (size_t)p->pixels * c <= p->floats ? 4 : 2;
    return 1;
}

typedef struct {
    float v[4];
} march_quad;

/* Sixteen bytes at once: every tensor begins at a multiple of them, and C is one of four. */
VEC_INLINE march_quad march_read(const float *p) {
    march_quad q;
#ifdef __CUDA_ARCH__
    float4 f = *(const float4 *)p;
    q.v[0] = f.x, q.v[1] = f.y, q.v[2] = f.z, q.v[3] = f.w;
#else
    memcpy(&q, p, sizeof q);
#endif
    return q;
}
VEC_INLINE void march_write(float *p, march_quad q) {
#ifdef __CUDA_ARCH__
    *(float4 *)p = make_float4(q.v[0], q.v[1], q.v[2], q.v[3]);
#else
    memcpy(p, &q, sizeof q);
#endif
}
VEC_INLINE unsigned march_signs(const unsigned char *p) {
    unsigned u;
#ifdef __CUDA_ARCH__
    u = *(const unsigned *)p;
#else
    memcpy(&u, p, sizeof u);
#endif
    return u;
}
VEC_INLINE void march_signs_write(unsigned char *p, unsigned u) {
#ifdef __CUDA_ARCH__
    *(unsigned *)p = u;
#else
    memcpy(p, &u, sizeof u);
#endif
}
VEC_INLINE march_quad march_zero(void) {
    march_quad q = {{0, 0, 0, 0}};
    return q;
}
#ifdef __CUDA_ARCH__
#define MARCH_UNROLL _Pragma("unroll")
#else
#define MARCH_UNROLL
#endif
#define MARCH_QUADS(t) \
    MARCH_UNROLL for (int j = 0; j < wide; j++) if ((t)->lane + j * (t)->lanes < (t)->quads)
#define MARCH_EACH MARCH_UNROLL for (int k = 0; k < 4; k++)

/* Shared memory of a block: two rows with a pixel of zeros at each end, their means, noise for the
 * other half of the row, kernels. */
typedef struct {
    float *row[2], *mean[2], *noise, *taps;
} march_room;
VEC_INLINE march_room march_room_of(const perturb_job *b, const march_plan *p, float *shared) {
    march_room r;
    size_t row = (size_t)(p->pixels + 2) * (size_t)b->a.s.c;
    r.row[0] = shared;
    r.row[1] = r.row[0] + row;
    r.noise = r.row[1] + row;
    r.taps = r.noise + (p->share ? (size_t)b->a.s.w / 2 * (size_t)b->a.s.c : 0);
    r.mean[0] = r.taps + 4 * MARCH_TAPS;
    r.mean[1] = r.mean[0] + p->pixels + 2;
    return r;
}

/* Where a block writes: rows top .. end-1, pixels x0 .. x1-1 of picture n. It reads `count` pixels
 * from `first` on. */
typedef struct {
    int n, top, end, x0, x1, first, count;
    size_t part;
} march_place;
VEC_INLINE march_place march_place_of(size_t block, shape4 s, const march_plan *p) {
    march_place w;
    int tile = (int)(block % (size_t)p->tiles),
        band = (int)(block / (size_t)p->tiles % (size_t)p->bands);
    w.part = block;
    w.n = (int)(block / (size_t)p->tiles / (size_t)p->bands);
    w.top = band * p->band;
    w.end = w.top + p->band < s.h ? w.top + p->band : s.h;
    w.x0 = tile * p->tile;
    w.x1 = w.x0 + p->tile < s.w ? w.x0 + p->tile : s.w;
    w.first = w.x0 < 2 ? 0 : w.x0 - 2;
    w.count = (w.x1 + 2 < s.w ? w.x1 + 2 : s.w) - w.first;
    return w;
}

/* Rows of a convolution's output that are not whole yet: of the row that came last, and of the next
 * one. */
typedef struct {
    march_quad here[MARCH_WIDE], next[MARCH_WIDE];
    float mean_here, mean_next;
} march_sums;

typedef struct {
    int id, slot, lane, lanes, quads, x;
    int live, owns; /* has a pixel; writes it too */
    march_sums first, second;
    march_quad now[MARCH_WIDE], one[MARCH_WIDE],
        two[MARCH_WIDE]; /* x (forward) or dx so far (backward) of the last three rows */
    march_quad
        come[3][MARCH_WIDE]; /* x, and dy and z, of the next row: read long before they are used */
    march_quad noise[MARCH_WIDE], ds[MARCH_WIDE], feature[MARCH_WIDE][PERTURB_K];
    unsigned bits, bits_one; /* was E1 above 0? four bits a quad; of the row before */
} march_thread;

VEC_INLINE void march_sums_clear(march_sums *m, const int wide) {
    m->mean_here = m->mean_next = 0;
    MARCH_UNROLL for (int j = 0; j < wide; j++) m->here[j] = m->next[j] = march_zero();
}

DEV void march_thread_begin(march_thread *t, int id, const perturb_job *b, const march_plan *p,
                            march_place w) {
    t->id = id;
    t->lanes = p->lanes;
    t->quads = b->a.s.c / 4;
    t->lane = id % p->lanes;
    t->slot = id / p->lanes;
    t->x = w.first + t->slot;
    t->live = t->slot < w.count;
    t->owns = t->live && t->x >= w.x0 && t->x < w.x1;
}

/* Kernels into shared memory: mirrored ones, the second before the first, for backward. Rows begin
 * as zeros, as their ends remain. */
DEV void march_begin(march_thread *t, int id, const perturb_job *b, const march_plan *p,
                     march_place w, march_room room, int mirrored, const int wide) {
    size_t rows = 2 * (size_t)(p->pixels + 2) * (size_t)b->a.s.c;
    march_thread_begin(t, id, b, p, w);
    march_sums_clear(&t->first, wide);
    march_sums_clear(&t->second, wide);
    MARCH_UNROLL for (int j = 0; j < wide; j++)
        t->now[j] = t->one[j] = t->two[j] = t->noise[j] = t->ds[j] = march_zero();
    t->bits = t->bits_one = 0;
    for (size_t i = (size_t)id; i < rows; i += (size_t)p->threads) room.row[0][i] = 0;
    for (int i = id; i < 2 * (p->pixels + 2); i += p->threads) room.mean[0][i] = 0;
    for (int i = id; i < 4 * MARCH_TAPS; i += p->threads) {
        int kernel = i / MARCH_TAPS, tap = i % MARCH_TAPS;
        if (tap < 9)
            room.taps[i] = mirrored ? b->phi[9 * (kernel ^ 2) + 8 - tap] : b->phi[9 * kernel + tap];
    }
}

/* A row comes (from[] with its means): sums take it, out (=) is the output's row before it. taps:
 * of the quad's own channels, then of the mean. */
DEV void march_conv(march_quad out[], march_sums *m, const march_thread *t, const float *row,
                    const float *mean, const float *taps, int c, const int wide) {
    const float *self = taps, *all = taps + MARCH_TAPS;
    float l = mean[t->slot], o = mean[t->slot + 1], r = mean[t->slot + 2];
    float base = m->mean_here + (all[6] * l + all[7] * o + all[8] * r);
    m->mean_here = m->mean_next + (all[3] * l + all[4] * o + all[5] * r);
    m->mean_next = all[0] * l + all[1] * o + all[2] * r;
    MARCH_QUADS(t) {
        const float *from = row + t->slot * c + 4 * (t->lane + j * t->lanes);
        march_quad a = march_read(from), h = march_read(from + c), z = march_read(from + 2 * c);
        MARCH_EACH {
            out[j].v[k] = base + (m->here[j].v[k] +
                                  (self[6] * a.v[k] + self[7] * h.v[k] + self[8] * z.v[k]));
            m->here[j].v[k] = m->next[j].v[k] +
                              (self[3] * a.v[k] + self[4] * h.v[k] + self[5] * z.v[k]);
            m->next[j].v[k] = self[0] * a.v[k] + self[1] * h.v[k] + self[2] * z.v[k];
        }
    }
}

DEV size_t march_at(const march_thread *t, shape4 s, int n, int y, int j) {
    return dev_at(s, n, y, t->x) + 4 * (size_t)(t->lane + j * t->lanes);
}
DEV float *march_shared(const march_thread *t, float *row, int c, int j) {
    return row + (t->slot + 1) * c + 4 * (t->lane + j * t->lanes);
}

/* The row before is given away, the next one taken. */
DEV void march_shift(march_thread *t, const int wide) {
    MARCH_UNROLL for (int j = 0; j < wide; j++) {
        t->two[j] = t->one[j];
        t->one[j] = t->now[j];
    }
}

/* Where in room.noise a thread puts what it drew for its partner half a row away (from_partner:
 * finds what that one drew): two numbers a quad. */
DEV int march_exchange(const march_thread *t, shape4 s, int j, int from_partner) {
    int x = !from_partner ? t->x : t->x < s.w / 2 ? t->x + s.w / 2 : t->x - s.w / 2;
    return (x * s.c + 4 * (t->lane + j * t->lanes)) / 2;
}
#endif
