/* cpu.c - the table of the CPU back end, its memory, and its layout at the borders. */
#include "engine/cpu/cpu.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#ifdef __SSE2__
#include <xmmintrin.h>
#endif

enum { PAGE = 64, HUGE_PAGE = 2 << 20 };

/* Numbers too small for a normal float count as 0: they cost a hundred times as much, and moments
 * decay through them. Darknet's library, where gcc before 13 has built it, does the same as it is
 * loaded. Threads inherit it. */
__attribute__((constructor)) static void flush_to_zero(void) {
#ifdef __SSE2__
    enum { FLUSH_TO_ZERO = 0x8000, DENORMALS_ARE_ZERO = 0x40 };
    _mm_setcsr(_mm_getcsr() | FLUSH_TO_ZERO | DENORMALS_ARE_ZERO);
#endif
}

static float *take(engine *e, size_t floats) {
    (void)e;
    if (floats > (SIZE_MAX - HUGE_PAGE) / sizeof(float)) return NULL;
    size_t bytes = floats * sizeof(float), align = bytes >= HUGE_PAGE ? HUGE_PAGE : PAGE;
    bytes = (bytes + align - 1) / align * align;
    float *p = aligned_alloc(align, bytes ? bytes : align);
    /* Advice only: fewer page faults and TLB misses on maps of many MB; refusing it changes
     * nothing. */
    if (p && align == HUGE_PAGE) (void)madvise(p, bytes, MADV_HUGEPAGE);
    return p;
}

static void give(engine *e, float *p, size_t floats) {
    (void)e;
    (void)floats;
    free(p);
}

static void zero(engine *e, float *p, size_t floats) {
    (void)e;
    memset(p, 0, floats * sizeof *p);
}

/* to[j*to_step + i] = from[i*from_step + j], i < ni, j < nj: both sides touch whole lines within a
 * tile. */
CPU_CLONES static void transpose(float *restrict to, size_t to_step, const float *restrict from,
                                 size_t from_step, size_t ni, size_t nj, int add) {
    enum { TILE = 16 };
    for (size_t i0 = 0; i0 < ni; i0 += TILE) {
        size_t i1 = i0 + TILE < ni ? i0 + TILE : ni;
        for (size_t j0 = 0; j0 < nj; j0 += TILE) {
            size_t j1 = j0 + TILE < nj ? j0 + TILE : nj;
            for (size_t j = j0; j < j1; j++) {
                float *o = to + j * to_step;
                if (add)
                    for (size_t i = i0; i < i1; i++) o[i] += from[i * from_step + j];
                else
                    for (size_t i = i0; i < i1; i++) o[i] = from[i * from_step + j];
            }
        }
    }
}

/* Pixels of one picture are cut too, so that a batch of one uses all cores. */
static void from_nchw(engine *e, float *nhwc, const float *nchw, shape4 s, int add) {
    (void)e;
    size_t hw = (size_t)s.h * (size_t)s.w, c = (size_t)s.c;
#pragma omp parallel for collapse(2) schedule(static)
    for (int n = 0; n < s.n; n++) {
        for (int y = 0; y < s.h; y++) {
            size_t p = (size_t)y * (size_t)s.w, at = (size_t)n * hw * c;
            transpose(nhwc + at + p * c, c, nchw + at + p, hw, c, (size_t)s.w, add);
        }
    }
}

static void to_nchw(engine *e, float *nchw, const float *nhwc, shape4 s, int add) {
    (void)e;
    size_t hw = (size_t)s.h * (size_t)s.w, c = (size_t)s.c;
#pragma omp parallel for collapse(2) schedule(static)
    for (int n = 0; n < s.n; n++) {
        for (int y = 0; y < s.h; y++) {
            size_t p = (size_t)y * (size_t)s.w, at = (size_t)n * hw * c;
            transpose(nchw + at + p, hw, nhwc + at + p * c, c, (size_t)s.w, c, add);
        }
    }
}

static void copy(engine *e, float *y, const float *x, size_t floats, int add) {
    (void)e;
    engine_cpu_copy(y, x, floats, add);
}

static void sgd(engine *e, float *w, float *update, size_t n, const sgd_args *a, int batch) {
    (void)e;
    sgd_step(w, update, n, a, batch);
}

static void adam(engine *e, float *w, float *update, float *m, float *v, size_t n,
                 const adam_args *a, int batch) {
    (void)e;
    adam_step(w, update, m, v, n, a, batch);
}

static double squares(engine *e, const engine_span *a, int n) {
    double sum = 0;
    (void)e;
    for (int k = 0; k < n; k++) {
        double part = 0;
        for (size_t i = 0; i < a[k].len; i++) part += (double)a[k].p[i] * (double)a[k].p[i];
        sum += part;
    }
    return sum;
}

static double loss(engine *e, node *n) {
    (void)e;
    return n->loss;
}

static const float *output(engine *e, node *n) {
    (void)e;
    return n->y.p;
}

#define OPS(KIND, name) [NODE_##KIND] = &engine_cpu_##name,

#define ONE(KIND, name) +1
_Static_assert(2 ENGINE_NODES(ONE) == NODE_KINDS, "input, foreign and one row for each kind");

const backend engine_cpu = {
    .alloc = take,
    .release = give,
    .from_nchw = from_nchw,
    .to_nchw = to_nchw,
    .zero = zero,
    .copy = copy,
    .sgd = sgd,
    .adam = adam,
    .squares = squares,
    .loss = loss,
    .output = output,
    .node = {ENGINE_NODES(OPS)},
};
