/* kernels.c - the launches of cuda_kernels.cu and perturb_cuda.cu: the same loops, one iteration
 * after the other; see sim.h. The order of iterations is turned round in every other launch: none
 * may need another of its loop. */
#include "sim.h"
#include "engine/cuda/cuda.h"
#include "march_cpu.h"
#include <stdlib.h>
#include <string.h>

/* The mirror of every pointer of the job: all that stand before `s`. */
static void reach_all(void *first, size_t bytes) {
    for (size_t i = 0; i < bytes / sizeof(void *); i++) {
        void *p;
        memcpy(&p, (char *)first + i * sizeof p, sizeof p);
        p = sim_reach(p, 1);
        memcpy((char *)first + i * sizeof p, &p, sizeof p);
    }
}

typedef void (*engine_loop)(uint32_t, const cuda_job *);
#define NAME(name) loop_##name,
static const engine_loop loops[] = {CUDA_LOOPS(NAME)};
typedef struct {
    engine_loop loop;
    uint32_t n;
    int turned;
    cuda_job job;
} launch;
static _Thread_local int turned;

static void run_launch(void *p) {
    launch *a = p;
    reach_all(&a->job, offsetof(cuda_job, s));
#pragma omp parallel for schedule(static) if (a->n > 10000)
    for (uint32_t i = 0; i < a->n; i++) a->loop(a->turned ? a->n - 1 - i : i, &a->job);
}

const char *engine_cuda_launch(cuda_loop which, uint32_t n, const cuda_job *job, void *stream) {
    launch a = {loops[which], n, turned = !turned, *job};
    sim_queue(stream, run_launch, &a, sizeof a);
    return NULL;
}

typedef void (*perturb_loop)(size_t, const perturb_job *);
typedef struct {
    perturb_loop loop;
    size_t n;
    int turned;
    perturb_job job;
} perturb_launch;
static _Thread_local cudaStream_t on;

static void reach_job(perturb_job *b) {
    b->a.eps = sim_reach(b->a.eps, 1);
#define REACH(first, last) \
    reach_all(&b->first,   \
              offsetof(perturb_job, last) + sizeof b->last - offsetof(perturb_job, first))
    REACH(now, dphi);
    REACH(z, scale);
    REACH(mask, v);
    REACH(xmean, per_channel);
    REACH(from, to);
}

static void run_perturb(void *p) {
    perturb_launch *a = p;
    perturb_job *b = &a->job;
    reach_job(b);
#pragma omp parallel for schedule(static) if (a->n > 1000)
    for (size_t i = 0; i < a->n; i++) a->loop(a->turned ? a->n - 1 - i : i, b);
}

static void queue_perturb(perturb_loop loop, size_t n, const perturb_job *job) {
    perturb_launch a = {loop, n, turned = !turned, *job};
    sim_queue(on, run_perturb, &a, sizeof a);
}

typedef struct {
    march_kind kind;
    march_plan plan;
    int turned;
    perturb_job job;
} march_launch;

static void run_march(void *p) {
    march_launch *a = p;
    reach_job(&a->job);
    march_cpu(a->kind, &a->plan, &a->job, a->turned);
}

static void queue_march(march_kind kind, const march_plan *plan, const perturb_job *job) {
    march_launch a = {kind, *plan, turned = !turned, *job};
    sim_queue(on, run_march, &a, sizeof a);
}

#define MARCH(kind, plan, job) queue_march(march_block_##kind, &(plan), &(job))
#define EACH(loop, n, job) queue_perturb(loop, n, &(job))
#define ON_STREAM(s) (on = (s))
static const char *complaint(void) { return NULL; }
#include "ops/perturb_device_run.h"
#include "ops/perturb_device_calls.h"
