/* perturb_cuda.cu - see perturb_cuda.h */
extern "C" {
#include "ops/perturb_device.h"
}
#include "ops/perturb_cuda.h"

/* Each loop as a kernel whose threads take one iteration after the other, a grid apart. */
#define KERNEL(loop) \
    static __global__ void k_##loop(size_t n, const perturb_job b) { \
        size_t step = (size_t)gridDim.x * blockDim.x; \
        for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += step) loop(i, &b); \
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
KERNEL(dev_phi_rows)
KERNEL(dev_phi_maps)
KERNEL(dev_chunk)
KERNEL(dev_columns)

static const unsigned THREADS = 128, MOST_BLOCKS = 65535;

static unsigned blocks(size_t n) {
    size_t k = (n + THREADS - 1) / THREADS;
    return k < MOST_BLOCKS ? (unsigned)k : MOST_BLOCKS;
}

/* Launches are asynchronous and in order; an error of one shows in cudaGetLastError behind the last. */
static thread_local cudaStream_t on;
#define ON_STREAM(s) (on = (cudaStream_t)(s))
static const char *complaint(void) {
    cudaError_t e = cudaGetLastError();
    return e == cudaSuccess ? NULL : cudaGetErrorString(e);
}
#define EACH(loop, n, job) k_##loop<<<blocks(n), THREADS, 0, on>>>((n), (job))
#include "ops/perturb_device_run.h"
#include "ops/perturb_device_calls.h"
