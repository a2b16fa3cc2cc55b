/* gpu_perturb.c - the perturbation's kernels on a CUDA device (ops/perturb_cuda.h) against the
 * CPU's own code: outputs, running statistics, all gradients, drawn noise, to 1e-5; the same bits
 * twice; and how many bytes a second they move beside a plain copy. Built by `make GPU=1 tests`,
 * run by tests/engine/gpu.sh; without a device every check is a counted skip. With a file name as
 * argument the speeds are written there as JSON. It links src/ops alone. */
#include "ops/perturb_cuda.h"
#include "sides.h"
#include <cuda_runtime_api.h>
#include <omp.h>

static void must(cudaError_t e, const char *what) {
    if (e == cudaSuccess) return;
    printf("gpu_perturb: %s: %s\n", what, cudaGetErrorString(e));
    exit(1);
}

static void *device_of(const void *host, size_t bytes) {
    void *p = NULL;
    must(cudaMalloc(&p, bytes), "cudaMalloc");
    must(host ? cudaMemcpy(p, host, bytes, cudaMemcpyHostToDevice) : cudaMemset(p, 0xff, bytes),
         "copy to the device");
    return p;
}

/* frozen: phi's own gradient is not wanted. */
static side on_gpu(const perturb_args *a, const float *x, const float *dy, const float *phi,
                   int add, int frozen) {
    side r = side_new(a->s);
    size_t n = shape_len(a->s) * sizeof(float), c = 4 * (size_t)a->s.c * sizeof(float);
    void *X = device_of(x, n), *DY = device_of(dy, n), *P = device_of(phi, PHI_LEN * sizeof *phi),
         *Y = device_of(NULL, n), *DX = device_of(r.dx, n);
    void *RM = device_of(r.rm, c), *RV = device_of(r.rv, c), *D = device_of(r.dphi, sizeof r.dphi);
    void *T = device_of(NULL, perturb_cuda_tape_bytes(a->s)),
         *W = device_of(NULL, perturb_cuda_work_bytes(a->s));
    const char *bad = perturb_cuda_forward(Y, T, 1, RM, RV, X, P, a, NULL, W, NULL);
    if (!bad)
        bad = perturb_cuda_backward(DX, add, frozen ? NULL : D, DY, T, X, P, a, NULL, W, NULL);
    CHECK(!bad, "%s", bad);
    must(cudaDeviceSynchronize(), "kernels");
    must(cudaMemcpy(r.y, Y, n, cudaMemcpyDeviceToHost), "y");
    must(cudaMemcpy(r.dx, DX, n, cudaMemcpyDeviceToHost), "dx");
    must(cudaMemcpy(r.rm, RM, c, cudaMemcpyDeviceToHost), "mean");
    must(cudaMemcpy(r.rv, RV, c, cudaMemcpyDeviceToHost), "variance");
    must(cudaMemcpy(r.dphi, D, sizeof r.dphi, cudaMemcpyDeviceToHost), "dphi");
    void *all[] = {X, DY, P, Y, DX, RM, RV, D, T, W};
    for (int i = 0; i < 10; i++) cudaFree(all[i]);
    return r;
}

static void one(shape4 s, perturb_noise noise, int scale, int batch, float slope, float clip,
                int add, int device) {
    static const char *const names[] = {"no noise", "noise", "mean", "unit", "gaussian"};
    if (!device) {
        SKIP("%s, %dx%dx%dx%d: no CUDA device", names[noise], s.n, s.h, s.w, s.c);
        return;
    }
    size_t n = shape_len(s);
    float *x = normal(n, 1), *dy = normal(n, 2), *phi = normal(PHI_LEN, 3);
    for (int i = 0; i < PHI_LEN; i++) phi[i] *= 0.3f;
    perturb_args a = {.s = s,
                      .c_feature = 0.5f,
                      .h_feature = 1,
                      .t = 0.9f,
                      .clip = clip,
                      .two_sided = s.c % 2,
                      .slope = slope,
                      .noise = noise,
                      .scale = scale,
                      .batch_stats = batch,
                      .momentum = 0.1f,
                      .key = {1, 2},
                      .sd = 0.6f};
    side r = side_reference(&a, x, dy, phi, add);
    for (int frozen = 0; frozen < 2; frozen++) {
        side g = on_gpu(&a, x, dy, phi, add, frozen), again = on_gpu(&a, x, dy, phi, add, frozen);
        CHECK(!memcmp(g.y, again.y, n * sizeof *g.y) && !memcmp(g.dx, again.dx, n * sizeof *g.dx) &&
                  !memcmp(g.dphi, again.dphi, sizeof g.dphi),
              "%s: not the same bits twice", names[noise]);
        if (frozen) memcpy(g.dphi, r.dphi, sizeof g.dphi);
        side_compare(&g, &r, s, names[noise]);
        side_free(&g);
        side_free(&again);
    }
    side_free(&r);
    free(x);
    free(dy);
    free(phi);
}

/* Milliseconds of the best of 5 rounds of 10. */
typedef struct {
    perturb_args a;
    void *x, *dy, *phi, *y, *dx, *rm, *rv, *dphi, *tape, *work;
    size_t bytes;
} timed;
typedef enum { COPY, FROZEN, LEARNING } timed_kind;
static void step(const timed *t, timed_kind what) {
    if (what == COPY) {
        must(cudaMemcpyAsync(t->y, t->x, t->bytes, cudaMemcpyDeviceToDevice, NULL), "copy");
        return;
    }
    const char *bad = perturb_cuda_forward(t->y, t->tape, 1, t->rm, t->rv, t->x, t->phi, &t->a,
                                           NULL, t->work, NULL);
    if (!bad)
        bad = perturb_cuda_backward(t->dx, 0, what == LEARNING ? t->dphi : NULL, t->dy, t->tape,
                                    t->x, t->phi, &t->a, NULL, t->work, NULL);
    CHECK(!bad, "%s", bad);
}

static double best_of(const timed *t, timed_kind what) {
    cudaEvent_t from, to;
    float best = INFINITY;
    must(cudaEventCreate(&from), "event");
    must(cudaEventCreate(&to), "event");
    for (int round = 0; round < 5; round++) {
        float ms;
        must(cudaEventRecord(from, NULL), "event");
        for (int k = 0; k < 10; k++) step(t, what);
        must(cudaEventRecord(to, NULL), "event");
        must(cudaEventSynchronize(to), "event");
        must(cudaEventElapsedTime(&ms, from, to), "event");
        if (ms / 10 < best) best = ms / 10;
    }
    cudaEventDestroy(from);
    cudaEventDestroy(to);
    return (double)best;
}

/* Must move: x and y forward; x, dy and dx backward: five tensors. A copy moves two. */
static void speed(const char *json) {
    shape4 s = {128, 32, 32, 64};
    size_t n = shape_len(s);
    float *x = normal(n, 1), *dy = normal(n, 2), *phi = normal(PHI_LEN, 3), rv[4 * 64];
    for (int i = 0; i < 4 * 64; i++) rv[i] = 1;
    timed t = {.bytes = n * sizeof(float),
               .x = device_of(x, n * sizeof(float)),
               .dy = device_of(dy, n * sizeof(float)),
               .phi = device_of(phi, PHI_LEN * sizeof(float)),
               .y = device_of(NULL, n * sizeof(float)),
               .dx = device_of(NULL, n * sizeof(float)),
               .rm = device_of(rv, sizeof rv),
               .rv = device_of(rv, sizeof rv),
               .dphi = device_of(NULL, PHI_LEN * sizeof(double)),
               .tape = device_of(NULL, perturb_cuda_tape_bytes(s)),
               .work = device_of(NULL, perturb_cuda_work_bytes(s)),
               .a = {.s = s,
                     .c_feature = 1,
                     .h_feature = 1,
                     .t = 1,
                     .clip = 100,
                     .slope = 0,
                     .noise = PERTURB_NOISE_SAMPLE,
                     .scale = 1,
                     .batch_stats = 1,
                     .momentum = 0.1f,
                     .key = {1, 2}}};
    double copy = best_of(&t, COPY), frozen = best_of(&t, FROZEN), learning = best_of(&t, LEARNING),
           least = 2.5 * copy;
    printf("128x32x32x64 forward and backward: %.3f ms, with phi's gradient %.3f ms; a copy %.3f "
           "ms; %.2f and %.2f times what must move\n",
           frozen, learning, copy, frozen / least, learning / least);
    FILE *f = json ? fopen(json, "w") : NULL;
    CHECK(!json || f, "%s: cannot be written", json);
    if (f)
        fprintf(
            f,
            "{\"perturb_ms\": %.4f, \"learning_ms\": %.4f, \"copy_ms\": %.4f, \"ratio\": %.4f}\n",
            frozen, learning, copy, frozen / least);
    if (f) fclose(f);
    free(x);
    free(dy);
    free(phi);
}

/* gpu_perturb [FILE.json | -small | -device]: -small: all shapes but the largest, no speed;
 * -device: is there one? */
int main(int argc, char **argv) {
    static const shape4 shapes[] = {{3, 9, 7, 5},   {1, 1, 1, 1},   {1, 8, 8, 1},   {2, 17, 3, 16},
                                    {4, 1, 6, 3},   {1, 33, 5, 20}, {2, 19, 32, 4}, {3, 5, 8, 64},
                                    {2, 6, 45, 64}, {2, 4, 8, 256}, {2, 3, 9, 132}, {2, 4, 4, 512},
                                    {1, 2, 3, 516}, {257, 9, 1, 4}, {8, 32, 32, 64}};
    int devices = 0;
    const char *what = argc > 1 ? argv[1] : "";
    int small = !strcmp(what, "-small");
    if (cudaGetDeviceCount(&devices) != cudaSuccess) devices = 0;
    if (!strcmp(what, "-device")) return devices == 0;
    if (argc > 2 || (what[0] == '-' && !small)) {
        fprintf(stderr, "gpu_perturb: unknown argument %s; known: FILE.json, -small, -device\n",
                argv[argc - 1]);
        return 2;
    }
    omp_set_num_threads(2);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes - (size_t)small; i++) {
        for (int noise = PERTURB_NOISE_NONE; noise <= PERTURB_NOISE_GAUSS; noise++)
            one(shapes[i], (perturb_noise)noise, 1, 1, 0, INFINITY, 0, devices > 0);
        one(shapes[i], PERTURB_NOISE_SAMPLE, 1, 0, 0.1f, INFINITY, 1, devices > 0);
        one(shapes[i], PERTURB_NOISE_SAMPLE, 0, 1, 1, 1.5f, 1, devices > 0);
    }
    if (devices > 0 && !small)
        speed(what[0] ? what : NULL);
    else if (!small)
        SKIP("bytes a second: no CUDA device");
    return t_done("gpu_perturb");
}
