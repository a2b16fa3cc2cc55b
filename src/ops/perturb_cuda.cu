/* perturb_cuda.cu - see perturb_cuda.h */
extern "C" {
#include "ops/perturb_march.h"
}
#include "ops/perturb_cuda.h"

/* Each loop as a kernel whose threads take one iteration after the other, a grid apart. */
#define KERNEL(loop)                                                                     \
    static __global__ void k_##loop(size_t n, const perturb_job b) {                     \
        size_t step = (size_t)gridDim.x * blockDim.x;                                    \
        for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += step) \
            loop(i, &b);                                                                 \
    }
KERNEL(dev_channel_sum)
KERNEL(dev_first)
KERNEL(dev_features)
KERNEL(dev_feature_mean)
KERNEL(dev_statistics)
KERNEL(dev_scale)
KERNEL(dev_apply)
KERNEL(dev_direct)
KERNEL(dev_second_back)
KERNEL(dev_first_back)
KERNEL(dev_scale_back)
KERNEL(dev_w_gradient)
KERNEL(dev_feature_coef)
KERNEL(dev_features_back)
KERNEL(dev_features_march)
KERNEL(dev_phi_rows)
KERNEL(dev_phi_maps)
KERNEL(dev_chunk)
KERNEL(dev_chunk_more)
KERNEL(dev_columns)

static const unsigned THREADS = 128, MOST_BLOCKS = 65535;

static unsigned blocks(size_t n) {
    size_t k = (n + THREADS - 1) / THREADS;
    return k < MOST_BLOCKS ? (unsigned)k : MOST_BLOCKS;
}

/* Launches are asynchronous and in order; an error of one shows in cudaGetLastError after the
 * last. */
static thread_local cudaStream_t on;
#define ON_STREAM(s) (on = (cudaStream_t)(s))
static const char *complaint(void) {
    cudaError_t e = cudaGetLastError();
    return e == cudaSuccess ? NULL : cudaGetErrorString(e);
}

/* A block's threads each keep their march_thread in registers; a pixel's threads are neighbours
 * within a warp. */
static __device__ __forceinline__ void group_mean(const march_thread &t, float v, float *room,
                                                  int c) {
    for (int o = t.lanes / 2; o > 0; o /= 2) v += __shfl_xor_sync(0xffffffffu, v, o);
    if (t.live && t.lane == 0) room[1 + t.slot] = v * (1 / (float)c);
}
#define MARCH_BLOCK(kind)                                                                         \
    static __device__ __forceinline__ void march_block_##kind(size_t block, const perturb_job *b, \
                                                              const march_plan *p, float *shared, \
                                                              const int wide, march_thread &mine)
#define T (&mine)
#define ID ((int)threadIdx.x)
#define PHASE(call)      \
    do {                 \
        call;            \
        __syncthreads(); \
    } while (0)
#define MEANS(call, room)                       \
    do {                                        \
        group_mean(mine, call, room, b->a.s.c); \
        __syncthreads();                        \
    } while (0)
#include "ops/perturb_march_run.h"

/* WIDE: quads of a thread, known to the compiler, so that no array lies in memory. */
#define MARCH_KERNEL(kind)                                                                    \
    template <int WIDE>                                                                       \
    static __global__ void __launch_bounds__(WIDE > 1 ? MARCH_THREADS / 2 : MARCH_THREADS, 1) \
        m_##kind(const perturb_job b, const march_plan p) {                                   \
        extern __shared__ float4 shared[];                                                    \
        march_thread mine;                                                                    \
        march_block_##kind(blockIdx.x, &b, &p, (float *)shared, WIDE, mine);                  \
    }                                                                                         \
    static void march_##kind(const march_plan *p, const perturb_job *b) {                     \
        unsigned n = (unsigned)p->blocks, threads = (unsigned)p->threads;                     \
        size_t bytes = p->floats * sizeof(float);                                             \
        if (p->wide == 1)                                                                     \
            m_##kind<1><<<n, threads, bytes, on>>>(*b, *p);                                   \
        else if (p->wide == 2)                                                                \
            m_##kind<2><<<n, threads, bytes, on>>>(*b, *p);                                   \
        else                                                                                  \
            m_##kind<4><<<n, threads, bytes, on>>>(*b, *p);                                   \
    }
MARCH_KERNEL(features)
MARCH_KERNEL(forward)
MARCH_KERNEL(backward)
#define MARCH(kind, plan, job) march_##kind(&(plan), &(job))
#define EACH(loop, n, job) k_##loop<<<blocks(n), THREADS, 0, on>>>((n), (job))
#include "ops/perturb_device_run.h"
#include "ops/perturb_device_calls.h"
