/* memory.c - memory of the device, and what crosses to the caller's. */
#include "engine/cuda/cuda.h"
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t alone = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

void engine_cuda_lock(void) { pthread_mutex_lock(&alone); }
void engine_cuda_unlock(void) { pthread_mutex_unlock(&alone); }

float *engine_cuda_alloc(engine *e, size_t floats) {
    void *p = NULL;
    cuda_of(e)->memory++;
    /* Loops count in 32 bits. */
    if (floats > (size_t)INT32_MAX) return NULL;
    engine_cuda_lock();
    cudaError_t bad = cudaMalloc(&p, (floats ? floats : 1) * sizeof(float));
    engine_cuda_unlock();
    if (bad == cudaSuccess) return p;
    (void)cudaGetLastError(); /* the caller says what is too large */
    return NULL;
}

/* cudaFree waits for all that was queued. */
void engine_cuda_release(engine *e, float *p, size_t floats) {
    cuda_of(e)->memory++;
    (void)floats;
    engine_cuda_lock();
    CUDA_CHECK(cudaFree(p));
    engine_cuda_unlock();
}

static void grow(cuda_slot *s, size_t bytes) {
    if (s->bytes >= bytes) return;
    engine_cuda_lock();
    if (s->p) CUDA_CHECK(cudaFreeHost(s->p));
    CUDA_CHECK(cudaMallocHost(&s->p, bytes));
    engine_cuda_unlock();
    s->bytes = bytes;
}

void engine_cuda_level_slots(engine *e) {
    cuda_own *o = cuda_of(e);
    size_t most = CUDA_SCALARS * sizeof(cuda_scalars);
    for (int i = 0; i < CUDA_SLOTS; i++) most = o->slots[i].bytes > most ? o->slots[i].bytes : most;
    for (int i = 0; i < CUDA_SLOTS; i++) grow(&o->slots[i], most);
}

/* What crosses to the device never is part of a recorded step: it runs before it, while that is
 * being recorded on another stream. */
void engine_cuda_upload(engine *e, void *to, const void *from, size_t bytes) {
    cuda_own *o = cuda_of(e);
    cudaStream_t on = o->phase == STEP_RECORDED ? o->side : o->stream;
    cuda_slot *s = &o->slots[o->slot];
    o->slot = (o->slot + 1) % CUDA_SLOTS;
    CUDA_CHECK(cudaEventSynchronize(s->done));
    grow(s, bytes);
    memcpy(s->p, from, bytes);
    CUDA_CHECK(cudaMemcpyAsync(to, s->p, bytes, cudaMemcpyHostToDevice, on));
    CUDA_CHECK(cudaEventRecord(s->done, on));
    if (on == o->side) CUDA_CHECK(cudaStreamSynchronize(on));
}

void engine_cuda_download(engine *e, void *to, const void *from, size_t bytes) {
    cuda_own *o = cuda_of(e);
    assert(o->phase ==
           STEP_RUNS); /* of a step that is recorded or repeated nothing is there before its end */
    CUDA_CHECK(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, o->stream));
    CUDA_CHECK(cudaStreamSynchronize(o->stream));
}

/* A map of one channel, or of one pixel, lies the same both ways. */
static int same_order(shape4 s) { return s.c == 1 || (s.h == 1 && s.w == 1); }

void engine_cuda_from_nchw(engine *e, float *nhwc, const float *nchw, shape4 s, int add) {
    cuda_own *o = cuda_of(e);
    size_t n = shape_len(s);
    if (same_order(s) && !add) {
        engine_cuda_upload(e, nhwc, nchw, n * sizeof *nchw);
        return;
    }
    float *there = engine_need(e, &o->staging, n);
    engine_cuda_upload(e, there, nchw, n * sizeof *nchw);
    engine_cuda_each(e, RUN_from_nchw, n, &(cuda_job){.y = nhwc, .x = there, .s = s, .add = add});
}

void engine_cuda_to_nchw(engine *e, float *nchw, const float *nhwc, shape4 s, int add) {
    cuda_own *o = cuda_of(e);
    size_t n = shape_len(s), bytes = n * sizeof *nchw;
    float *there = engine_need(e, &o->staging, n), *here = add ? malloc(bytes) : nchw;
    if (!here) engine_die("out of memory: %.1f MB for a map of the network", (double)bytes * 1e-6);
    engine_cuda_each(e, RUN_to_nchw, n, &(cuda_job){.y = there, .x = nhwc, .s = s});
    engine_cuda_download(e, here, there, bytes);
    if (!add) return;
    for (size_t i = 0; i < n; i++) nchw[i] += here[i];
    free(here);
}

void engine_cuda_zero(engine *e, float *p, size_t floats) {
    LIVE(e, CUDA_CHECK(cudaMemsetAsync(p, 0, floats * sizeof *p, cuda_of(e)->stream)));
}

void engine_cuda_copy(engine *e, float *y, const float *x, size_t floats, int add) {
    if (add)
        engine_cuda_each(e, RUN_add, floats, &(cuda_job){.y = y, .x = x});
    else
        LIVE(e, CUDA_CHECK(cudaMemcpyAsync(y, x, floats * sizeof *y, cudaMemcpyDeviceToDevice,
                                           cuda_of(e)->stream)));
}

const float *engine_cuda_output(engine *e, node *n) {
    size_t bytes = shape_len(n->s) * sizeof(float);
    float *p = realloc(n->shown, bytes);
    if (!p) engine_die("out of memory: %.1f MB for the output of a layer", (double)bytes * 1e-6);
    n->shown = p;
    engine_cuda_download(e, p, n->y.p, bytes);
    return p;
}
