/* march_cpu.h - blocks of ops/perturb_march.h on the CPU: each phase for one thread after the
 * other, in their order or from the last to the first, which must give the same bits: no thread may
 * need another one's work of the same phase. Shared memory begins as NaN. */
#ifndef MARCH_CPU_H
#define MARCH_CPU_H
#include "ops/perturb_march.h"
#include <stdlib.h>

typedef struct {
    march_thread *thread;
    float *value;
    int turned;
} march_crew;

static void march_means(const march_crew *crew, const march_plan *p, int c, float *room) {
    float *v = crew->value, *old = v + p->threads;
    for (int o = p->lanes / 2; o > 0; o /= 2) {
        memcpy(old, v, (size_t)p->threads * sizeof *v);
        for (int i = 0; i < p->threads; i++) v[i] = old[i] + old[i ^ o];
    }
    for (int i = 0; i < p->threads; i++)
        if (crew->thread[i].live && crew->thread[i].lane == 0)
            room[1 + crew->thread[i].slot] = v[i] * (1 / (float)c);
}

#define MARCH_BLOCK(kind)                                                                   \
    static void march_block_##kind(size_t block, const perturb_job *b, const march_plan *p, \
                                   float *shared, const int wide, const march_crew *crew)
#define T (&crew->thread[ID])
#define ID (crew->turned ? p->threads - 1 - i_ : i_)
#define PHASE(call) \
    for (int i_ = 0; i_ < p->threads; i_++) call
#define MEANS(call, room)                     \
    do {                                      \
        PHASE(crew->value[ID] = call);        \
        march_means(crew, p, b->a.s.c, room); \
    } while (0)
#include "ops/perturb_march_run.h"
#undef T
#undef ID

typedef void (*march_kind)(size_t block, const perturb_job *b, const march_plan *p, float *shared,
                           const int wide, const march_crew *crew);

static inline void march_cpu(march_kind kind, const march_plan *p, const perturb_job *b,
                             int turned) {
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < p->blocks; i++) {
        march_crew crew = {malloc((size_t)p->threads * sizeof(march_thread)),
                           malloc(2 * (size_t)p->threads * sizeof(float)), turned};
        float *shared = aligned_alloc(64, (p->floats * sizeof *shared + 63) / 64 * 64);
        memset(shared, 0xff, p->floats * sizeof *shared);
        memset(crew.thread, 0xff, (size_t)p->threads * sizeof *crew.thread);
        kind(turned ? p->blocks - 1 - i : i, b, p, shared, p->wide, &crew);
        free(shared);
        free(crew.value);
        free(crew.thread);
    }
}
#endif
