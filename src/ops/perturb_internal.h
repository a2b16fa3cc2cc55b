/* perturb_internal.h - how forward and backward divide the work, the tape and the scratch.
 *
 * A unit of work is a band of rows of one picture (all of it, unless the batch is small). A unit is
 * swept from top to bottom; each step of the chain x -> E1 -> E2 runs one row behind the one before
 * it and keeps its last three rows in a ring, so that everything between x and y stays in the
 * first-level cache, whatever the picture's size. Bands compute the two rows that they need beyond
 * their edges again. Units depend on the shape alone, never on the number of threads: so do the
 * results. */
#ifndef MP_PERTURB_INTERNAL_H
#define MP_PERTURB_INTERNAL_H
#include "ops/perturb_rows.h"
#include <string.h>

enum {
    PERTURB_UNITS = 32,
    PERTURB_BAND = 8
}; /* units to aim at; rows below which a band's edges cost too much */

static inline size_t perturb_bands(shape4 s) {
    int want = (PERTURB_UNITS + s.n - 1) / s.n, most = s.h / PERTURB_BAND;
    return (size_t)(want < most ? want : most > 1 ? most : 1);
}
static inline size_t perturb_units(shape4 s) { return (size_t)s.n * perturb_bands(s); }

typedef struct {
    int n, top, end;
    size_t id;
} perturb_unit; /* rows top .. end-1 of picture n */
static inline perturb_unit perturb_unit_of(shape4 s, size_t id) {
    size_t bands = perturb_bands(s), b = id % bands, h = (size_t)s.h;
    return (perturb_unit){(int)(id / bands), (int)(h * b / bands), (int)(h * (b + 1) / bands), id};
}
/* Where row y of picture n begins. */
static inline size_t perturb_at(shape4 s, int n, int y) {
    return ((size_t)n * (size_t)s.h + (size_t)y) * (size_t)s.w * (size_t)s.c;
}

static inline size_t perturb_round(size_t floats) {
    return (floats + 15) / 16 * 16;
} /* 64 bytes: one cache line */

/* The tape: the m, v (4,C) that gave s, in double because a saturated s hangs on their last digits;
 * z of every element (alpha where the noise is its mean, or divided by it); per picture the
 * features f (4,C); s (C); and the signs of the five convolutions of x, a byte an element
 * (rows_mask): a byte read costs much less than 45 products done again. */
typedef struct {
    double *m, *v;
    float *z, *f, *s;
    uint8_t *mask;
} perturb_tape;
static inline size_t perturb_tape_floats(shape4 s) {
    size_t c = (size_t)s.c, n = shape_len(s);
    return 4 * PERTURB_K * c + n + (size_t)s.n * PERTURB_K * c + c + (n + 3) / 4;
}
static inline perturb_tape perturb_tape_of(float *tape, shape4 s) {
    size_t c = (size_t)s.c;
    perturb_tape t;
    t.m = (double *)(void *)tape;
    t.v = t.m + PERTURB_K * c;
    t.z = tape + 4 * PERTURB_K * c;
    t.f = t.z + shape_len(s);
    t.s = t.f + (size_t)s.n * PERTURB_K * c;
    t.mask = (uint8_t *)(void *)(t.s + c);
    return t;
}

/* Three rows with a zero pixel at both ends; row y is slot y mod 3. */
typedef struct {
    float *p;
    size_t stride, w, c;
} perturb_ring;
static inline size_t perturb_ring_stride(size_t w, size_t c) { return perturb_round((w + 2) * c); }
static inline float *perturb_slot(perturb_ring r, int y) {
    return r.p + (size_t)((y + 3) % 3) * r.stride;
} /* y >= -3 */
static inline float *perturb_row(perturb_ring r, int y) { return perturb_slot(r, y) + r.c; }
static inline rows_window perturb_window(perturb_ring r, int y) {
    return (rows_window){perturb_slot(r, y - 1), perturb_slot(r, y), perturb_slot(r, y + 1)};
}
static inline void perturb_ring_clear(perturb_ring r) {
    memset(r.p, 0, 3 * r.stride * sizeof *r.p);
}
static inline void perturb_row_zero(perturb_ring r, int y) {
    memset(perturb_row(r, y), 0, r.w * r.c * sizeof *r.p);
}

/* A thread's part of the scratch: rings of rows and of channel sums (one float a pixel), rows,
 * sums. */
enum { PERTURB_RINGS = 5, PERTURB_MAPS = 4, PERTURB_ROWS = 4 };
typedef struct {
    perturb_ring ring[PERTURB_RINGS], map[PERTURB_MAPS];
    float *row[PERTURB_ROWS], *base, *sums; /* (W,C) each; (W); (4,C) */
    uint32_t *bits;                         /* (W,C) */
    double *total;                          /* (4,C) */
} perturb_room;

static inline size_t perturb_thread_len(shape4 s) {
    size_t w = (size_t)s.w, c = (size_t)s.c, row = perturb_round(w * c);
    return perturb_round(2 * PERTURB_K * c) + perturb_round(PERTURB_K * c) +
           PERTURB_RINGS * 3 * perturb_ring_stride(w, c) +
           PERTURB_MAPS * 3 * perturb_ring_stride(w, 1) + (PERTURB_ROWS + 1) * row +
           perturb_round(w);
}

static inline perturb_room perturb_room_of(float *threads, shape4 s, int id) {
    perturb_room r;
    size_t w = (size_t)s.w, c = (size_t)s.c, row = perturb_round(w * c);
    float *at = threads + (size_t)id * perturb_thread_len(s);
    r.total = (double *)(void *)at;
    at += perturb_round(2 * PERTURB_K * c);
    r.sums = at;
    at += perturb_round(PERTURB_K * c);
    for (int i = 0; i < PERTURB_RINGS; i++, at += 3 * perturb_ring_stride(w, c))
        r.ring[i] = (perturb_ring){at, perturb_ring_stride(w, c), w, c};
    for (int i = 0; i < PERTURB_MAPS; i++, at += 3 * perturb_ring_stride(w, 1))
        r.map[i] = (perturb_ring){at, perturb_ring_stride(w, 1), w, 1};
    for (int i = 0; i < PERTURB_ROWS; i++, at += row) r.row[i] = at;
    r.bits = (uint32_t *)(void *)at;
    r.base = at + row;
    return r;
}

/* The scratch: partial results, one row per unit, which are added up in order; what stands in for
 * the tape where there is none; a part for each thread, on cache lines of its own. */
enum {
    PERTURB_PARTIAL = PHI_W
}; /* E1, E2 and K: what a unit contributes to; w is done by channels */
typedef struct {
    double *partial; /* (units, 72) */
    double *sums;    /* (units, 4, C): features forward, in backward the first (units, C): d/ds */
    double *m, *v;   /* (4,C) */
    float *f, *s;    /* (N,4,C), (C) */
    float *coef;     /* (8,C): see through_scale */
    float *threads;
} perturb_scratch;

static inline size_t perturb_shared_len(shape4 s) {
    size_t c = (size_t)s.c, u = perturb_units(s);
    return perturb_round(2 * (PERTURB_PARTIAL * u + PERTURB_K * c * u + 2 * PERTURB_K * c) +
                         (size_t)s.n * PERTURB_K * c + c + 2 * PERTURB_K * c);
}

static inline perturb_scratch perturb_scratch_of(float *scratch, shape4 s) {
    perturb_scratch p;
    size_t c = (size_t)s.c, u = perturb_units(s), off = (size_t)scratch % 64;
    if (off)
        scratch += (64 - off) / sizeof *scratch; /* perturb_scratch_len has 16 floats for this */
    p.partial = (double *)(void *)scratch;
    p.sums = p.partial + PERTURB_PARTIAL * u;
    p.m = p.sums + PERTURB_K * c * u;
    p.v = p.m + PERTURB_K * c;
    p.f = (float *)(void *)(p.v + PERTURB_K * c);
    p.s = p.f + (size_t)s.n * PERTURB_K * c;
    p.coef = p.s + c;
    p.threads = scratch + perturb_shared_len(s);
    return p;
}

/* Row y of picture n of x into the ring, zeros outside the picture; map (may be NULL) takes its
 * channel mean. */
void perturb_load(perturb_ring ring, const perturb_ring *map, const float *x, shape4 s, int n,
                  int y);
/* Row y of relu(E1(x)) and its channel mean from those of x; zeros outside the picture. */
void perturb_first(const perturb_room *r, perturb_ring out, perturb_ring out_map, perturb_ring in,
                   perturb_ring in_map, const float *phi, shape4 s, int y);
/* eps of row y of picture n: the caller's, or drawn into `room`. */
const float *perturb_eps(float *room, const perturb_args *a, int n, int y);
/* The sigmoid's argument for one channel, from m, v (4,C). */
double perturb_scale_input(const double *m, const double *v, const float *phi,
                           const perturb_args *a, int channel);
int perturb_threads(shape4 s);
#endif
