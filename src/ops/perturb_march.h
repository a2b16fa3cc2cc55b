/* perturb_march.h - the costly loops of perturb_device.h once more, as blocks of threads that march
 * down the rows of a picture: what CUDA runs where a row fits a block (march_plan_of). A tensor is
 * read and written as few times as the dependences allow:
 *
 *   features   reads x; writes the signs of the features (a byte) and their sums
 *   forward    reads x; writes y and z. E1 and E2 stay in registers and shared memory
 *   backward   reads x, dy, z; writes dx, all but what goes through the features, and the sums of
 * d/ds; where phi's own gradient is wanted, dalpha and the gradient before E1's relu too, for the
 * loops that make it features'  backward (dev_features_march, a loop as those of perturb_device.h):
 * reads the signs and dx; writes dx
 *
 * A thread has four neighbouring channels (a quad; up to MARCH_WIDE of them) of one pixel's column.
 * A row of the input comes, is shared with the block, and with its channel means goes into three
 * rows of a convolution's output, which are sums in registers until they are whole. Two
 * convolutions follow each other in this way: what they give at row h is of row h - 2.
 *
 * A block's work is a sequence of phases: each thread does its part, and all end one phase before
 * any begins the next. What includes this defines PHASE(call)         call for each thread of the
 * block, T being its march_thread MEANS(call, room)   the same; the sum of the calls over a pixel's
 * threads, over C, goes to room[1 + its place in the block] so that the CPU runs the same text, its
 * threads in any order (tests/lib/march_cpu.h). */
#ifndef MP_PERTURB_MARCH_H
#define MP_PERTURB_MARCH_H
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

/* ---- forward ---- */

/* y and z of row y from alpha. The last bit of z's float tells whether E1 was above 0: half a unit
 * in the last place. */
DEV void march_apply(const march_thread *t, const perturb_job *b, const march_plan *p,
                     march_room room, march_quad alpha[], int n, int y, const int wide) {
    shape4 s = b->a.s;
    float anneal = dev_annealing(b);
    int drawn = p->share && !b->a.eps, right = t->x >= s.w / 2;
    MARCH_QUADS(t) {
        size_t at = march_at(t, s, n, y, j);
        const float *come = room.noise + (drawn ? march_exchange(t, s, j, 1) : 0);
        march_quad noise = march_zero(), out, kept;
        if (drawn) MARCH_UNROLL for (int k = 0; k < 2; k++) {
                noise.v[k] = right ? come[k] : t->noise[j].v[k];
                noise.v[2 + k] = right ? t->noise[j].v[k] : come[k];
            }
        march_quad scale = march_read(b->scale + 4 * (t->lane + j * t->lanes));
        MARCH_EACH {
            dev_place place = {n, y, t->x, 4 * (t->lane + j * t->lanes) + k};
            float tape,
                z = dev_noise(b, alpha[j].v[k], drawn ? noise.v[k] : dev_eps(b, place), &tape);
            kept.v[k] = dev_flagged(tape, t->bits_one >> (4 * j + k) & 1);
            out.v[k] = dev_multiply(&b->a, t->two[j].v[k], 1 + anneal * (scale.v[k] * z - 1));
        }
        if (b->keep) march_write(b->z + at, kept);
        march_write(b->y + at, out);
    }
}

/* Row h of a tensor into `come`; zeros outside the picture and the block's part of it. */
DEV void march_fetch(march_thread *t, int which, const float *from, shape4 s, march_place w, int h,
                     const int wide) {
    int inside = t->live && h >= 0 && h < s.h && h < w.end + 2;
    MARCH_QUADS(t)
    t->come[which][j] = inside ? march_read(from + march_at(t, s, w.n, h, j)) : march_zero();
}

/* Gives row h - 3 of y, takes row h of x. Returns its sum over the thread's channels. */
DEV float march_forward_edge(march_thread *t, const perturb_job *b, const march_plan *p,
                             march_place w, march_room room, int h, const int wide) {
    shape4 s = b->a.s;
    march_quad alpha[MARCH_WIDE];
    float sum = 0;
    if (!t->live) return 0;
    if (h == w.top - 2) march_fetch(t, 0, b->x, s, w, h, wide);
    if (t->owns && h > w.top - 2) {
        march_conv(alpha, &t->second, t, room.row[1], room.mean[1], room.taps + 2 * MARCH_TAPS, s.c,
                   wide);
        if (h - 3 >= w.top) march_apply(t, b, p, room, alpha, w.n, h - 3, wide);
    }
    march_shift(t, wide);
    MARCH_QUADS(t) {
        t->now[j] = t->come[0][j];
        march_write(march_shared(t, room.row[0], s.c, j), t->now[j]);
        MARCH_EACH sum += t->now[j].v[k];
    }
    march_fetch(t, 0, b->x, s, w, h + 1, wide);
    return sum;
}

/* Noise of row y: this pixel and the one half a row away have the same blocks of the generator. The
 * left one draws for the first two channels of a quad, the right one for the last two; each keeps
 * its own number and puts the other's where the other finds it. */
DEV void march_draw(march_thread *t, const perturb_job *b, march_room room, int n, int y,
                    const int wide) {
    shape4 s = b->a.s;
    rng_key_t key = b->now ? b->now->key : b->a.key;
    int right = t->x >= s.w / 2;
    MARCH_QUADS(t) {
        int block = (right ? t->x - s.w / 2 : t->x) * s.c + 4 * (t->lane + j * t->lanes) +
                    2 * right;
        float *other = room.noise + march_exchange(t, s, j, 0);
        MARCH_UNROLL for (int k = 0; k < 2; k++) {
            float first, second;
            dev_normal_pair(key, (uint32_t)n * (uint32_t)s.h + (uint32_t)y, (uint32_t)(block + k),
                            &first, &second);
            t->noise[j].v[k] = right ? second : first;
            other[k] = right ? first : second;
        }
    }
}

/* relu(E1) of row h - 1; its sum is returned. */
DEV float march_forward_middle(march_thread *t, const perturb_job *b, const march_plan *p,
                               march_place w, march_room room, int h, const int wide) {
    shape4 s = b->a.s;
    march_quad r[MARCH_WIDE];
    float sum = 0;
    int inside = h - 1 >= 0 && h - 1 < s.h,
        noisy = b->a.noise == PERTURB_NOISE_SAMPLE || b->a.noise == PERTURB_NOISE_UNIT;
    if (!t->live) return 0;
    if (p->share && noisy && !b->a.eps && h - 2 >= w.top && h - 2 < w.end)
        march_draw(t, b, room, w.n, h - 2, wide);
    march_conv(r, &t->first, t, room.row[0], room.mean[0], room.taps, s.c, wide);
    t->bits_one = t->bits;
    t->bits = 0;
    MARCH_QUADS(t) {
        MARCH_EACH {
            int above = inside && r[j].v[k] > 0;
            r[j].v[k] = above ? r[j].v[k] : 0;
            t->bits |= (unsigned)above << (4 * j + k);
            sum += r[j].v[k];
        }
        march_write(march_shared(t, room.row[1], s.c, j), r[j]);
    }
    return sum;
}

/* ---- backward ---- */

/* Gives row h - 3 of dx, takes row h of x, dy and z. Returns the sum of dalpha over the thread's
 * channels. */
DEV float march_backward_edge(march_thread *t, const perturb_job *b, march_place w, march_room room,
                              int h, const int wide) {
    shape4 s = b->a.s;
    const float *tensors[3] = {b->x, b->dy, b->z};
    march_quad out[MARCH_WIDE];
    float sum = 0;
    if (!t->live) return 0;
    int inside = h >= 0 && h < s.h && h < w.end + 2, ours = t->owns && h >= w.top && h < w.end;
    if (h == w.top - 2)
        MARCH_UNROLL for (int i = 0; i < 3; i++) march_fetch(t, i, tensors[i], s, w, h, wide);
    if (t->owns && h > w.top - 2) {
        march_conv(out, &t->second, t, room.row[1], room.mean[1], room.taps + 2 * MARCH_TAPS, s.c,
                   wide);
        if (b->dphi && h - 2 >= w.top && h - 2 < w.end && t->lane == 0)
            b->d1sum[dev_at(s, w.n, h - 2, t->x) / (size_t)s.c] = room.mean[1][1 + t->slot] *
                                                                  (float)s.c;
        if (b->dx && h - 3 >= w.top) MARCH_QUADS(t) {
                float *to = b->dx + march_at(t, s, w.n, h - 3, j);
                march_quad old = b->add_dx ? march_read(to) : march_zero();
                MARCH_EACH out[j].v[k] += t->two[j].v[k] + old.v[k];
                march_write(to, out[j]);
            }
    }
    march_shift(t, wide);
    t->bits_one = t->bits;
    t->bits = 0;
    MARCH_QUADS(t) {
        march_quad scale = march_read(b->scale + 4 * (t->lane + j * t->lanes)), da;
        MARCH_EACH {
            dev_place place = {w.n, h, t->x, 4 * (t->lane + j * t->lanes) + k};
            float ds = 0, g = 0;
            float kept = t->come[2][j].v[k];
            da.v[k] = inside ? dev_direct_each(b, place, t->come[0][j].v[k], t->come[1][j].v[k],
                                               kept, scale.v[k], &g, &ds)
                             : 0;
            t->now[j].v[k] = g;
            t->ds[j].v[k] += ours ? ds : 0;
            t->bits |= dev_flag(kept) << (4 * j + k);
            sum += da.v[k];
        }
        march_write(march_shared(t, room.row[0], s.c, j), da);
        if (b->dphi && ours) march_write(b->da + march_at(t, s, w.n, h, j), da);
    }
    MARCH_UNROLL for (int i = 0; i < 3; i++) march_fetch(t, i, tensors[i], s, w, h + 1, wide);
    return sum;
}

/* The gradient before E1's relu, of row h - 1. */
DEV float march_backward_middle(march_thread *t, const perturb_job *b, march_place w,
                                march_room room, int h, const int wide) {
    shape4 s = b->a.s;
    march_quad d[MARCH_WIDE];
    float sum = 0;
    int inside = h - 1 >= 0 && h - 1 < s.h, ours = t->owns && h - 1 >= w.top && h - 1 < w.end;
    if (!t->live) return 0;
    if (b->dphi && t->owns && h >= w.top && h < w.end && t->lane == 0)
        b->dasum[dev_at(s, w.n, h, t->x) / (size_t)s.c] = room.mean[0][1 + t->slot] * (float)s.c;
    march_conv(d, &t->first, t, room.row[0], room.mean[0], room.taps, s.c, wide);
    MARCH_QUADS(t) {
        MARCH_EACH {
            d[j].v[k] = inside && t->bits_one >> (4 * j + k) & 1 ? d[j].v[k] : 0;
            sum += d[j].v[k];
        }
        march_write(march_shared(t, room.row[1], s.c, j), d[j]);
        if (b->dphi && ours) march_write(b->d1 + march_at(t, s, w.n, h - 1, j), d[j]);
    }
    return sum;
}

/* Quads of pixels outside are zeros: each thread of a live pixel puts its own. */
DEV void march_put(const march_thread *t, march_quad q[], float *shared, int c, const int wide) {
    if (t->live)
        MARCH_QUADS(t) march_write(shared + t->slot * c + 4 * (t->lane + j * t->lanes), q[j]);
}

/* to[i] = sum over the block's pixels, in their order, of columns i of `width`. */
DEV void march_collect(const march_thread *t, float *to, const float *shared, int count, int width,
                       int threads) {
    for (int i = t->id; i < width; i += threads) {
        float sum = 0;
        for (int k = 0; k < count; k++) sum += shared[(size_t)k * (size_t)width + (size_t)i];
        to[i] = sum;
    }
}

/* ---- features ---- */

/* Sums of the features over the band for one quad, [4 features]; their signs to the mask.
 * Neighbours come through the cache. */
DEV void march_features_quad(march_quad sum[PERTURB_K], const march_thread *t, const perturb_job *b,
                             march_place w, int j) {
    shape4 s = b->a.s;
    march_quad here[PERTURB_K], next[PERTURB_K];
    float taps[9 * PERTURB_K];
    MARCH_UNROLL for (int i = 0; i < 9 * PERTURB_K; i++) taps[i] = b->phi[PHI_K + i];
    MARCH_UNROLL for (int f = 0; f < PERTURB_K; f++) sum[f] = here[f] = next[f] = march_zero();
    for (int h = w.top - 1; h <= w.end; h++) {
        int in = h >= 0 && h < s.h;
        const float *from = b->x + (in ? march_at(t, s, w.n, h, j) : 0);
        march_quad l = in && t->x > 0 ? march_read(from - s.c) : march_zero(),
                   o = in ? march_read(from) : march_zero();
        march_quad r = in && t->x + 1 < s.w ? march_read(from + s.c) : march_zero();
        unsigned mask = 0;
        MARCH_UNROLL for (int f = 0; f < PERTURB_K; f++) {
            const float *K = taps + 9 * f;
            MARCH_EACH {
                float v = here[f].v[k] + (K[6] * l.v[k] + K[7] * o.v[k] + K[8] * r.v[k]);
                here[f].v[k] = next[f].v[k] + (K[3] * l.v[k] + K[4] * o.v[k] + K[5] * r.v[k]);
                next[f].v[k] = K[0] * l.v[k] + K[1] * o.v[k] + K[2] * r.v[k];
                sum[f].v[k] += h - 1 >= w.top && v > 0 ? v : 0;
                mask |= v > 0 ? 1u << (8 * k + f) : 0;
            }
        }
        if (b->keep && h - 1 >= w.top)
            march_signs_write(b->mask + march_at(t, s, w.n, h - 1, j), mask);
    }
}

DEV void march_features_begin(march_thread *t, int id, const perturb_job *b, const march_plan *p,
                              march_place w, const int wide) {
    march_thread_begin(t, id, b, p, w);
    MARCH_UNROLL for (int j = 0; j < wide; j++) for (int f = 0; f < PERTURB_K; f++)
        t->feature[j][f] = march_zero();
    if (t->owns) MARCH_QUADS(t) march_features_quad(t->feature[j], t, b, w, j);
}

/* Sums of features from .. from+once-1 into shared memory: (pixels, once, C). */
DEV void march_features_put(const march_thread *t, float *shared, int from, int once, int c,
                            const int wide) {
    if (t->live) MARCH_QUADS(t) {
            MARCH_UNROLL for (int f = 0; f < PERTURB_K; f++) {
                if (f >= from && f < from + once)
                    march_write(shared + (t->slot * once + f - from) * c +
                                    4 * (t->lane + j * t->lanes),
                                t->feature[j][f]);
            }
        }
}

DEV int march_back_bands(shape4 s) { return (s.h + MARCH_BACK_BAND - 1) / MARCH_BACK_BAND; }

/* dx += what comes through the features. One iteration a (picture, band of MARCH_BACK_BAND rows,
 * pixel, quad), the last picture first: what was written last is still near. */
DEV void dev_features_march(size_t i, const perturb_job *b) {
    shape4 s = b->a.s;
    size_t quads = (size_t)s.c / 4, c = 4 * (i % quads), bands = (size_t)march_back_bands(s);
    int x = (int)(i / quads % (size_t)s.w), band = (int)(i / quads / (size_t)s.w % bands),
        n = s.n - 1 - (int)(i / quads / (size_t)s.w / bands);
    int top = band * MARCH_BACK_BAND,
        end = top + MARCH_BACK_BAND < s.h ? top + MARCH_BACK_BAND : s.h;
    float taps[9 * PERTURB_K];
    MARCH_UNROLL for (int k = 0; k < 9 * PERTURB_K; k++) taps[k] = b->phi[PHI_K + k];
    march_quad coef[PERTURB_K], here = march_zero(), next = march_zero();
    MARCH_UNROLL for (int f = 0; f < PERTURB_K; f++)
        coef[f] = march_read(b->coef + ((size_t)n * PERTURB_K + (size_t)f) * (size_t)s.c + c);
    for (int h = top - 1; h <= end; h++) {
        march_quad out = here, mid = next, low = march_zero();
        MARCH_UNROLL for (int dx = -1; dx <= 1; dx++) {
            unsigned mask = 0;
            if (h >= 0 && h < s.h && x + dx >= 0 && x + dx < s.w)
                mask = march_signs(b->mask + dev_at(s, n, h, x + dx) + c);
            MARCH_UNROLL for (int f = 0; f < PERTURB_K; f++) {
                const float *K = taps + 9 * f + 1 -
                                 dx; /* mirrored: a row above gives by the lowest taps */
                MARCH_EACH {
                    float u = mask >> (8 * k + f) & 1 ? coef[f].v[k] : 0;
                    out.v[k] += K[0] * u;
                    mid.v[k] += K[3] * u;
                    low.v[k] += K[6] * u;
                }
            }
        }
        here = mid;
        next = low;
        if (h - 1 < top) continue;
        float *to = b->dx + dev_at(s, n, h - 1, x) + c;
        march_quad old = march_read(to);
        MARCH_EACH out.v[k] += old.v[k];
        march_write(to, out);
    }
}
#endif
