/* kernels.cu - the loops of loops.h as kernels. */
extern "C" {
#include "engine/cuda/loops.h"
}

/* A thread takes one iteration after the other, a grid apart. */
#define KERNEL(name)                                                                       \
    static __global__ void __launch_bounds__(256) k_##name(uint32_t n, const cuda_job b) { \
        for (uint32_t i = blockIdx.x * blockDim.x + threadIdx.x; i < n;                    \
             i += gridDim.x * blockDim.x)                                                  \
            loop_##name(i, &b);                                                            \
    }
CUDA_LOOPS(KERNEL)

typedef void (*kernel)(uint32_t, const cuda_job);
#define NAME(name) k_##name,
static const kernel kernels[] = {CUDA_LOOPS(NAME)};

/* Few and long iterations (a channel, a picture, a band) are spread over more processors by smaller
 * blocks. */
static const uint32_t MOST_BLOCKS = 1u << 16, FEW = 1u << 15;

extern "C" const char *engine_cuda_launch(cuda_loop which, uint32_t n, const cuda_job *job,
                                          void *stream) {
    uint32_t threads = n < FEW ? 64 : 256,
             blocks = (uint32_t)(((uint64_t)n + threads - 1) / threads);
    if (blocks > MOST_BLOCKS) blocks = MOST_BLOCKS;
    /* clang-format off */
    kernels[which]<<<blocks, threads, 0, (cudaStream_t)stream>>>(n, *job);
    /* clang-format on */
    cudaError_t e = cudaGetLastError();
    return e == cudaSuccess ? NULL : cudaGetErrorString(e);
}
