/* cuda.c - the table of the CUDA back end, and opening it. */
#include "engine/cuda/cuda.h"
#include <stdlib.h>
#include <string.h>

enum { BLAS_WORK = 8 << 20 };

static void open_device(engine *e) {
    cuda_own *o = calloc(1, sizeof *o);
    if (!o) engine_die("out of memory for a network");
    e->own = o;
    o->no_graphs = getenv("METAPERTURB_GRAPHS") && !strcmp(getenv("METAPERTURB_GRAPHS"), "0");
    engine_cuda_lock();
    o->tf32 = getenv("METAPERTURB_TF32") && strcmp(getenv("METAPERTURB_TF32"), "0");
    CUDA_CHECK(cudaStreamCreateWithFlags(&o->stream, cudaStreamNonBlocking));
    CUDA_CHECK(cudaStreamCreateWithFlags(&o->side, cudaStreamNonBlocking));
    CUDNN_CHECK(cudnnCreate(&o->dnn));
    CUDNN_CHECK(cudnnSetStream(o->dnn, o->stream));
    CUBLAS_CHECK(cublasCreate(&o->blas));
    CUBLAS_CHECK(cublasSetStream(o->blas, o->stream));
    CUDA_CHECK(cudaMalloc(&o->blas_work, BLAS_WORK));
    CUBLAS_CHECK(cublasSetWorkspace(o->blas, o->blas_work,
                                    BLAS_WORK)); /* its own would not do in a recorded step */
    CUBLAS_CHECK(
        cublasSetMathMode(o->blas, o->tf32 ? CUBLAS_TF32_TENSOR_OP_MATH : CUBLAS_DEFAULT_MATH));
    for (int i = 0; i < CUDA_SLOTS; i++)
        CUDA_CHECK(cudaEventCreateWithFlags(&o->slots[i].done, cudaEventDisableTiming));
    engine_cuda_unlock();
}

static void close_device(engine *e) {
    cuda_own *o = cuda_of(e);
    CUDA_CHECK(cudaStreamSynchronize(o->stream));
    engine_cuda_lock();
    engine_cuda_steps_free(e);
    engine_cuda_twins_free(e);
    engine_drop(e, &o->staging);
    for (int i = 0; i < CUDA_SLOTS; i++) {
        if (o->slots[i].p) CUDA_CHECK(cudaFreeHost(o->slots[i].p));
        CUDA_CHECK(cudaEventDestroy(o->slots[i].done));
    }
    CUBLAS_CHECK(cublasDestroy(o->blas));
    CUDNN_CHECK(cudnnDestroy(o->dnn));
    CUDA_CHECK(cudaFree(o->blas_work));
    CUDA_CHECK(cudaStreamDestroy(o->stream));
    CUDA_CHECK(cudaStreamDestroy(o->side));
    engine_cuda_unlock();
    free(o);
}

#define OPS(KIND, name) [NODE_##KIND] = &engine_cuda_##name,

const backend engine_cuda = {
    .open = open_device,
    .close = close_device,
    .alloc = engine_cuda_alloc,
    .release = engine_cuda_release,
    .from_nchw = engine_cuda_from_nchw,
    .to_nchw = engine_cuda_to_nchw,
    .zero = engine_cuda_zero,
    .copy = engine_cuda_copy,
    .read = engine_cuda_read,
    .changed = engine_cuda_changed,
    .sgd = engine_cuda_sgd,
    .adam = engine_cuda_adam,
    .squares = engine_cuda_squares,
    .loss = engine_cuda_loss,
    .output = engine_cuda_output,
    .step_begin = engine_cuda_step_begin,
    .step_end = engine_cuda_step_end,
    .node = {ENGINE_NODES(OPS)},
};
