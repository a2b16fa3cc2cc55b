/* perturb_internal.h - how forward and backward divide tape and scratch between them. */
#ifndef MP_PERTURB_INTERNAL_H
#define MP_PERTURB_INTERNAL_H
#include "ops/perturb_rows.h"

/* The tape: the m, v (4,C) that gave s, in double because a saturated s hangs on their last digits; then z of every element (alpha
 * where the noise is its mean), per image the 4 features f (4,C), and s (C). */
typedef struct { double *m, *v; float *z, *f, *s; } perturb_tape;
static inline perturb_tape perturb_tape_of(float *tape, shape4 s) {
    size_t c = (size_t)s.c;
    perturb_tape t;
    t.m = (double *)(void *)tape;
    t.v = t.m + PERTURB_K * c;
    t.z = tape + 4 * PERTURB_K * c;
    t.f = t.z + shape_len(s);
    t.s = t.f + (size_t)s.n * PERTURB_K * c;
    return t;
}

/* The scratch: doubles first (partial gradients of phi, one row per image, added up in order so that the result does not
 * depend on the number of threads), then what images share, then a part for each thread. */
enum { PERTURB_PARTIAL = 72 };      /* E1, E2 and K: what an image contributes to; w is done by channels */
typedef struct {
    double *partial;                /* (N, 72), before that ds (C) */
    double *m, *v;                  /* (4,C) and f (N,4,C), s (C): what the tape holds, where there is none */
    float *f, *s;
    float *ds;                      /* (N,C): the images' parts of d/ds */
    float *coef;                    /* (8,C): see through_scale */
    float *thread;                  /* threads x perturb_thread_len */
} perturb_scratch;

static inline size_t perturb_thread_len(shape4 s) {
    size_t map = ((size_t)s.h + 2) * ((size_t)s.w + 2), row = (size_t)s.w * (size_t)s.c;
    size_t n = 2 * PERTURB_K * (size_t)s.c + 4 * padded_of(s).len + 4 * map + 5 * row + 4 * (size_t)s.w + 4 * (size_t)s.c
             + (size_t)s.h * row;
    return (n + 15) / 16 * 16;
}

static inline perturb_scratch perturb_scratch_of(float *scratch, shape4 s) {
    perturb_scratch p;
    size_t c = (size_t)s.c, n = (size_t)s.n, partial = PERTURB_PARTIAL * n;
    p.partial = (double *)(void *)scratch;
    p.m = p.partial + (partial > c ? partial : c);
    p.v = p.m + PERTURB_K * c;
    p.f = (float *)(void *)(p.v + PERTURB_K * c);
    p.s = p.f + n * PERTURB_K * c;
    p.ds = p.s + c;
    p.coef = p.ds + n * c;
    p.thread = p.coef + 2 * PERTURB_K * c;
    if ((p.thread - scratch) % 2) p.thread++;      /* doubles there too */
    return p;
}

/* A thread's part: sums (4,C), four padded pictures, four padded channel maps (one float a pixel), rows, a picture for a dx nobody wants. */
typedef struct { double *sums; float *pic[4], *map[4], *row, *tmp, *base, *spare; padded p, q; } perturb_room;
static inline perturb_room perturb_room_of(float *thread, shape4 s, int id) {
    perturb_room r;
    shape4 one = {s.n, s.h, s.w, 1};
    float *at = thread + (size_t)id * perturb_thread_len(s);
    r.sums = (double *)(void *)at;
    at += 2 * PERTURB_K * (size_t)s.c;
    r.p = padded_of(s);
    r.q = padded_of(one);
    for (int i = 0; i < 4; i++, at += r.p.len) r.pic[i] = at;
    for (int i = 0; i < 4; i++, at += r.q.len) r.map[i] = at;
    r.row = at;
    r.tmp = r.row + (size_t)s.w * (size_t)s.c;
    r.base = r.tmp + 4 * (size_t)s.w * (size_t)s.c;
    r.spare = r.base + 4 * (size_t)s.w + 4 * (size_t)s.c;
    return r;
}

/* Copy picture n of x into pic[0] and its channel mean into map[0], borders zero. */
void perturb_load(const perturb_room *r, const float *x, shape4 s, int n);
/* The sigmoid's argument for one channel, from m, v (4,C). */
double perturb_scale_input(const double *m, const double *v, const float *phi, const perturb_args *a, int channel);
/* pic[1] = relu(E1(x)), map[1] = its channel mean. */
void perturb_first(const perturb_room *r, const float *phi, shape4 s);
#endif
