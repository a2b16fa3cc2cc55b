/* cpu.h - inside the CPU back end: loops shared by several kinds of node. NHWC; OpenMP; repeatable.
 */
#ifndef MP_CPU_H
#define MP_CPU_H
#include "engine/backend.h"
#include <stdint.h>

/* A hot loop is compiled for three processors and chosen at start, so that a plain build is fast
 * everywhere. The attribute does not reach into `omp parallel` bodies: those call the marked
 * functions. Levels, not models ("arch=haswell"): gcc selects a model's version on exactly that
 * model and nothing newer. */
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && \
    !defined(__clang__)
#define CPU_CLONES \
    __attribute__((noinline, target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CPU_CLONES __attribute__((noinline))
#endif

/* Numbers below which a loop is not worth several threads, and of which each takes whole blocks. */
enum { CPU_GRAIN = 4096 };

/* This thread's share of n items, in blocks of `grain`; inside a parallel region. */
void engine_cpu_share(size_t n, size_t grain, size_t *from, size_t *to);

/* Where the channels of a point of an NHWC map begin. */
static inline size_t engine_pixel(shape4 s, int b, int y, int x) {
    return (((size_t)b * (size_t)s.h + (size_t)y) * (size_t)s.w + (size_t)x) * (size_t)s.c;
}

void engine_cpu_add(float *y, const float *x, size_t n); /* (+=) y += x */
void engine_cpu_add_times(float *y, const float *x, float k,
                          size_t n);                                 /* (+=) y += k*x, one thread */
void engine_cpu_copy(float *y, const float *x, size_t n, int add);   /* (=) or (+=) */
void engine_cpu_act(float *y, const float *x, size_t n, act_kind a); /* y may be x */
/* Rounded to the nearest, halves to even; too large becomes infinite, NaN stays NaN. */
void engine_cpu_to_bf16(uint16_t *y, const float *x, size_t n);
/* dx may be dy; x: NULL where act_needs_input says 0. */
void engine_cpu_act_back(float *dx, const float *dy, const float *x, const float *y, size_t n,
                         act_kind a);
/* n's delta from that of its output to that before the activation, which had x; NULL: see above. */
void engine_cpu_delta_act(engine *e, node *n, act_kind a, const float *x);
/* Room for what an activation that needs it had, while training; else nothing is taken. */
void engine_cpu_keep_input(engine *e, node *n, buffer *b, act_kind a);

/* Batch norm and activation over the last axis of (rows, c). stat: NORM_STAT*c floats, kept for
 * backward. */
enum { NORM_STAT = 3 };
void engine_cpu_norm(engine *e, float *y, const float *x, size_t rows, int c,
                     const engine_params *p, act_kind a, int batch, float *stat);
/* dx from dy, which may be the same place. An activation without a slope has been taken off dy
 * already, by the function after it: dz from dy with the input z of the activation computed again.
 */
void engine_cpu_norm_back(engine *e, float *dx, const float *dy, const float *x, size_t rows, int c,
                          const engine_params *p, act_kind a, int batch, int theta_grads,
                          const float *stat);
void engine_cpu_norm_delta_act(engine *e, float *dz, const float *dy, const float *x,
                               const float *y, size_t rows, int c, const engine_params *p,
                               act_kind a, const float *stat);
#endif
