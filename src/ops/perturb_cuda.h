/* perturb_cuda.h - perturb.h on a CUDA device: the loops of perturb_device.h as kernels.
 *
 * now: NULL, or see perturb_now. All pointers are the device's, a->eps too (NULL: the CPU's own
 * noise, drawn in the kernel). Work is queued on `stream` (a cudaStream_t; NULL: the default
 * stream) and not waited for. (=) overwrites, (+=) accumulates. The same input gives the same bits.
 * Each returns NULL, or what CUDA complains of (a string that stays valid). */
#ifndef MP_PERTURB_CUDA_H
#define MP_PERTURB_CUDA_H
#include "ops/perturb.h"
#ifdef __cplusplus
extern "C" {
#endif
/* Bytes that forward leaves for backward, and bytes of work that either call needs (its contents do
 * not outlive the call). */
size_t perturb_cuda_tape_bytes(shape4 s);
size_t perturb_cuda_work_bytes(shape4 s);

/* What may change from one run of a recorded step to the next, on the device: used in place of a->t
 * and a->key. Whether t is 0 may not change. */
typedef struct {
    rng_key_t key;
    float t;
} perturb_now;

/* y (=), the running statistics as in perturb_forward. keep: a backward will follow; else the tape
 * is work too, its size the same. */
const char *perturb_cuda_forward(float *y, void *tape, int keep, float *running_mean,
                                 float *running_var, const float *x, const float *phi,
                                 const perturb_args *a, const perturb_now *now, void *work,
                                 void *stream);
/* dx (=), or (+=) if add_dx, or NULL; dphi (+=) PHI_LEN, or NULL. */
const char *perturb_cuda_backward(float *dx, int add_dx, double *dphi, const float *dy,
                                  const void *tape, const float *x, const float *phi,
                                  const perturb_args *a, const perturb_now *now, void *work,
                                  void *stream);
#ifdef __cplusplus
}
#endif
#endif
