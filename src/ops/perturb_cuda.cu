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
#define EACH(loop, n, job) k_##loop<<<blocks(n), THREADS, 0, on>>>((n), (job))
#include "ops/perturb_device_run.h"

size_t perturb_cuda_tape_bytes(shape4 s) {
    perturb_job b = {};
    size_t tape, work;
    b.a.s = s;
    device_layout(&b, NULL, &tape, NULL, &work);
    return tape;
}

size_t perturb_cuda_work_bytes(shape4 s) {
    perturb_job b = {};
    size_t tape, work;
    b.a.s = s;
    device_layout(&b, NULL, &tape, NULL, &work);
    return work;
}

static perturb_job job_of(const perturb_args *a, const float *x, const float *phi, void *tape, void *work) {
    perturb_job b = {};
    size_t tape_bytes, work_bytes;
    b.a = *a;
    b.x = x;
    b.phi = phi;
    perturb_poly_of(&b.poly);
    device_layout(&b, tape, &tape_bytes, work, &work_bytes);
    return b;
}

static const char *complaint(void) {
    cudaError_t e = cudaGetLastError();
    return e == cudaSuccess ? NULL : cudaGetErrorString(e);
}

const char *perturb_cuda_forward(float *y, void *tape, int keep, float *running_mean, float *running_var, const float *x, const float *phi,
                                 const perturb_args *a, void *work, void *stream) {
    perturb_job b = job_of(a, x, phi, tape, work);
    b.y = y;
    b.run_m = running_mean;
    b.run_v = running_var;
    b.keep = keep;
    on = (cudaStream_t)stream;
    device_forward(&b);
    return complaint();
}

const char *perturb_cuda_backward(float *dx, int add_dx, double *dphi, const float *dy, const void *tape, const float *x, const float *phi,
                                  const perturb_args *a, void *work, void *stream) {
    perturb_job b = job_of(a, x, phi, (void *)tape, work);    /* backward only reads the tape */
    b.dx = dx;
    b.add_dx = add_dx;
    b.dphi = dphi;
    b.dy = dy;
    on = (cudaStream_t)stream;
    if (dx || dphi) device_backward(&b);
    return complaint();
}
