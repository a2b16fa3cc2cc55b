/* perturb_march.h - the costly loops of perturb_device.h once more, as blocks of threads that march
 * down the rows of a picture: what CUDA runs where a row fits a block (march_plan_of). A tensor is
 * read and written as few times as the dependences allow:
 *
 *   features   reads x; writes the signs of the features (a byte) and their sums
 *   forward    reads x; writes y and z. E1 and E2 stay in registers and shared memory
 *   backward   reads x, dy, z; writes dx, all but what goes through the features, and the sums
 *              of d/ds; where phi's own gradient is wanted, dalpha and the gradient before E1's
 *              relu too, for the loops that make it
 *   features'  backward (dev_features_march, a loop as those of perturb_device.h): reads the
 *              signs and dx; writes dx
 *
 * A thread has four neighbouring channels (a quad; up to MARCH_WIDE of them) of one pixel's column.
 * A row of the input comes, is shared with the block, and with its channel means goes into three
 * rows of a convolution's output, which are sums in registers until they are whole. Two
 * convolutions follow each other in this way: what they give at row h is of row h - 2.
 *
 * A block's work is a sequence of phases: each thread does its part, and all end one phase before
 * any begins the next. What includes this defines
 *   PHASE(call)         call for each thread of the block, T being its march_thread
 *   MEANS(call, room)   the same; the sum of the calls over a pixel's threads, over C, goes to
 *                       room[1 + its place in the block]
 * so that the CPU runs the same text, its threads in any order (tests/lib/march_cpu.h). */
#ifndef MP_PERTURB_MARCH_H
#define MP_PERTURB_MARCH_H
#include "ops/perturb_march_block.h"

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
