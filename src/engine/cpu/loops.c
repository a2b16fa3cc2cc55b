/* loops.c - the loops that several kinds of node share on the CPU; see cpu.h. */
#include "engine/cpu/cpu.h"
#include <omp.h>
#include <string.h>

void engine_cpu_share(size_t n, size_t grain, size_t *from, size_t *to) {
    size_t t = (size_t)omp_get_thread_num(), all = (size_t)omp_get_num_threads();
    size_t blocks = (n + grain - 1) / grain;
    *from = blocks * t / all * grain;
    *to = blocks * (t + 1) / all * grain;
    if (*from > n) *from = n;
    if (*to > n) *to = n;
}

CPU_CLONES static void add_loop(float *restrict y, const float *restrict x, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] += x[i];
}

void engine_cpu_add(float *y, const float *x, size_t n) {
#pragma omp parallel if (n > CPU_GRAIN)
    {
        size_t from, to;
        engine_cpu_share(n, CPU_GRAIN, &from, &to);
        add_loop(y + from, x + from, to - from);
    }
}

CPU_CLONES void engine_cpu_add_times(float *restrict y, const float *restrict x, float k,
                                     size_t n) {
    for (size_t i = 0; i < n; i++) y[i] += k * x[i];
}

void engine_cpu_copy(float *y, const float *x, size_t n, int add) {
    if (add) {
        engine_cpu_add(y, x, n);
        return;
    }
#pragma omp parallel if (n > CPU_GRAIN)
    {
        size_t from, to;
        engine_cpu_share(n, CPU_GRAIN, &from, &to);
        if (to > from) memcpy(y + from, x + from, (to - from) * sizeof *y);
    }
}

CPU_CLONES static void bf16_loop(uint16_t *restrict y, const float *restrict x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint32_t u, rounded;
        memcpy(&u, x + i, sizeof u);
        rounded = (u + 0x7fff + (u >> 16 & 1)) >> 16;
        y[i] = (uint16_t)((u & 0x7fffffff) > 0x7f800000 ? (u >> 16 | 0x40) : rounded);
    }
}

void engine_cpu_to_bf16(uint16_t *y, const float *x, size_t n) {
#pragma omp parallel if (n > CPU_GRAIN)
    {
        size_t from, to;
        engine_cpu_share(n, CPU_GRAIN, &from, &to);
        bf16_loop(y + from, x + from, to - from);
    }
}

void engine_cpu_act(float *y, const float *x, size_t n, act_kind a) {
    if (a == ACT_LINEAR && y == x) return;
#pragma omp parallel if (n > CPU_GRAIN)
    {
        size_t from, to;
        engine_cpu_share(n, CPU_GRAIN, &from, &to);
        act_forward(y + from, x + from, to - from, a);
    }
}

void engine_cpu_act_back(float *dx, const float *dy, const float *x, const float *y, size_t n,
                         act_kind a) {
    if (a == ACT_LINEAR && dx == dy) return;
#pragma omp parallel if (n > CPU_GRAIN)
    {
        size_t from, to;
        engine_cpu_share(n, CPU_GRAIN, &from, &to);
        act_backward(dx + from, dy + from, x ? x + from : NULL, y + from, to - from, a);
    }
}

void engine_cpu_keep_input(engine *e, node *n, buffer *b, act_kind a) {
    if (e->training && act_needs_input(a)) engine_need(e, b, shape_len(n->s));
}

void engine_cpu_delta_act(engine *e, node *n, act_kind a, const float *x) {
    if (a == ACT_LINEAR) return;
    const float *from;
    float *to = engine_delta_change(e, n, &from);
    engine_cpu_act_back(to, from, x, n->y.p, shape_len(n->s), a);
}
