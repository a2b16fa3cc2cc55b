/* perturb_device_calls.h - the functions of perturb_cuda.h, by the loops of perturb_device_run.h.
 * Included after that one by what also defines ON_STREAM(s)        what EACH runs from now on
 * belongs to this stream complaint()         NULL, or what went wrong since it was last asked
 * ops/perturb_cuda.cu for the device; the tests' stand-in for it for the CPU. */
#include "ops/perturb_cuda.h"

static void device_sizes(shape4 s, size_t *tape, size_t *work) {
    perturb_job b;
    memset(&b, 0, sizeof b);
    b.a.s = s;
    device_layout(&b, NULL, tape, NULL, work);
}

size_t perturb_cuda_tape_bytes(shape4 s) {
    size_t tape, work;
    device_sizes(s, &tape, &work);
    return tape;
}

size_t perturb_cuda_work_bytes(shape4 s) {
    size_t tape, work;
    device_sizes(s, &tape, &work);
    return work;
}

static perturb_job job_of(const perturb_args *a, const float *x, const float *phi, void *tape,
                          void *work) {
    perturb_job b;
    size_t tape_bytes, work_bytes;
    memset(&b, 0, sizeof b);
    b.a = *a;
    b.x = x;
    b.phi = phi;
    perturb_poly_of(&b.poly);
    device_layout(&b, tape, &tape_bytes, work, &work_bytes);
    return b;
}

const char *perturb_cuda_forward(float *y, void *tape, int keep, float *running_mean,
                                 float *running_var, const float *x, const float *phi,
                                 const perturb_args *a, const perturb_now *now, void *work,
                                 void *stream) {
    perturb_job b = job_of(a, x, phi, tape, work);
    b.now = now;
    b.y = y;
    b.run_m = running_mean;
    b.run_v = running_var;
    b.keep = keep;
    ON_STREAM(stream);
    device_forward(&b);
    return complaint();
}

const char *perturb_cuda_backward(float *dx, int add_dx, double *dphi, const float *dy,
                                  const void *tape, const float *x, const float *phi,
                                  const perturb_args *a, const perturb_now *now, void *work,
                                  void *stream) {
    perturb_job b = job_of(a, x, phi, (void *)tape, work); /* backward only reads the tape */
    b.now = now;
    b.dx = dx;
    b.add_dx = add_dx;
    b.dphi = dphi;
    b.dy = dy;
    ON_STREAM(stream);
    if (dx || dphi) device_backward(&b);
    return complaint();
}
