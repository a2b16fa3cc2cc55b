/* graph.c - training steps as CUDA graphs: hundreds of kernels of a few microseconds each, launched
 * at one stroke.
 *
 * A kind of step that has run twice without taking memory is recorded the third time, and repeated
 * from then on. The C code of a step still runs each time: it queues nothing then, but fills in the
 * scalars (noise keys, rates, annealing), which kernels read from the device. What it asks for is
 * summed up, and must be what was recorded. Memory taken or given back in between makes the
 * recording void. */
#include "engine/cuda/cuda.h"
#include <stdlib.h>

enum { WARM = 2 };

const cuda_scalars *engine_cuda_scalars(engine *e, const cuda_scalars *v) {
    cuda_own *o = cuda_of(e);
    if (o->phase == STEP_RUNS) {
        o->n_scalars++;
        return NULL;
    }
    if (o->n_scalars == CUDA_SCALARS)
        engine_die("a step of more than %d noises and updates cannot be recorded: set "
                   "METAPERTURB_GRAPHS=0",
                   CUDA_SCALARS);
    o->scalars[o->n_scalars] = *v;
    return o->scalars_there + o->n_scalars++;
}

static cuda_step *step_of(cuda_own *o, uint64_t kind) {
    for (int i = 0; i < o->n_steps; i++)
        if (o->steps[i].kind == kind) return &o->steps[i];
    if (o->n_steps == CUDA_GRAPHS) return NULL;
    o->steps[o->n_steps] = (cuda_step){.kind = kind};
    return &o->steps[o->n_steps++];
}

static void forget(cuda_step *s) {
    if (s->graph) CUDA_CHECK(cudaGraphExecDestroy(s->graph));
    s->graph = NULL;
    s->runs = 0;
}

static void take_scalars(cuda_own *o) {
    if (o->scalars) return;
    size_t bytes = CUDA_SCALARS * sizeof *o->scalars;
    void *there;
    engine_cuda_lock();
    CUDA_CHECK(cudaMalloc(&there, bytes));
    engine_cuda_unlock();
    o->scalars_there = there;
    o->scalars = malloc(bytes);
    if (!o->scalars) engine_die("out of memory for a network");
}

void engine_cuda_step_begin(engine *e, uint64_t kind) {
    cuda_own *o = cuda_of(e);
    o->step = o->no_graphs ? NULL : step_of(o, kind);
    o->sum = 0;
    o->n_scalars = 0;
    if (!o->step) return;
    if (o->step->memory != o->memory) forget(o->step);
    if (o->step->graph) {
        o->phase = STEP_REPEATED;
    } else if (o->step->runs >= WARM) {
        take_scalars(o);
        engine_cuda_level_slots(e);
        CUDA_CHECK(
            cudaStreamSynchronize(o->stream)); /* what crosses meanwhile may overtake nothing */
        o->phase = STEP_RECORDED;
        engine_cuda_lock();
        CUDA_CHECK(cudaStreamBeginCapture(o->stream, cudaStreamCaptureModeRelaxed));
    }
}

static void finish_recording(cuda_own *o, cuda_step *s) {
    cudaGraph_t g;
    CUDA_CHECK(cudaStreamEndCapture(o->stream, &g));
    engine_cuda_unlock();
    CUDA_CHECK(cudaGraphInstantiate(&s->graph, g, 0));
    CUDA_CHECK(cudaGraphDestroy(g));
    s->sum = o->sum;
}

void engine_cuda_step_end(engine *e) {
    cuda_own *o = cuda_of(e);
    cuda_step *s = o->step;
    step_phase phase = o->phase;
    o->phase = STEP_RUNS;
    o->step = NULL;
    if (!s) return;
    if (phase == STEP_RUNS) {
        s->runs = s->memory == o->memory && o->n_scalars <= CUDA_SCALARS ? s->runs + 1 : 0;
        s->memory = o->memory;
        return;
    }
    if (phase == STEP_RECORDED) finish_recording(o, s);
    if (s->memory != o->memory || s->sum != o->sum)
        engine_die("internal: a step of kind %llx is not the step that was recorded; "
                   "METAPERTURB_GRAPHS=0 goes without",
                   (unsigned long long)s->kind);
    if (o->n_scalars)
        engine_cuda_upload(e, o->scalars_there, o->scalars,
                           (size_t)o->n_scalars * sizeof *o->scalars);
    CUDA_CHECK(cudaGraphLaunch(s->graph, o->stream));
}

void engine_cuda_steps_free(engine *e) {
    cuda_own *o = cuda_of(e);
    for (int i = 0; i < o->n_steps; i++) forget(&o->steps[i]);
    CUDA_CHECK(cudaFree(o->scalars_there));
    free(o->scalars);
}
