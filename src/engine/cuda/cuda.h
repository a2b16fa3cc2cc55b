/* cuda.h - inside the CUDA back end: what its files share. Only they include it, and only builds
 * with GPU=1 compile them.
 *
 * Everything of one engine is queued on one stream of its own, in order; so buffers are taken,
 * reused and given to libraries without waiting. The CPU waits where the caller's memory is written
 * (engine_export, engine_read, engine_loss, engine_output) and nowhere else. Several engines (the
 * tasks of a meta-training run) share a device, each from its own thread. */
#ifndef MP_CUDA_H
#define MP_CUDA_H
#include "engine/backend.h"
#include "engine/cuda/loops.h"
#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>

/* Every failure ends the process with the library's own word for it. */
#define CUDA_CHECK(call)                                                       \
    do {                                                                       \
        cudaError_t e_ = (call);                                               \
        if (e_ != cudaSuccess) engine_cuda_die(#call, cudaGetErrorString(e_)); \
    } while (0)
#define CUDNN_CHECK(call)                                                                \
    do {                                                                                 \
        cudnnStatus_t s_ = (call);                                                       \
        if (s_ != CUDNN_STATUS_SUCCESS) engine_cuda_die(#call, cudnnGetErrorString(s_)); \
    } while (0)
#define CUBLAS_CHECK(call)                                                                  \
    do {                                                                                    \
        cublasStatus_t s_ = (call);                                                         \
        if (s_ != CUBLAS_STATUS_SUCCESS) engine_cuda_die(#call, cublasGetStatusString(s_)); \
    } while (0)
_Noreturn void engine_cuda_die(const char *what, const char *why);

/* An array of the caller and its twin on the device. Filters lie as (K,H,W,C) there, (K,C,H,W)
 * here; plain ones have f.n == 0. */
typedef struct {
    const void *host;
    void *device;
    size_t bytes;
    shape4 f;
    int host_newer, device_newer;
} cuda_twin;

/* Page-locked memory on the way to the device: the next use of a slot waits until the copy from it
 * is over. */
enum { CUDA_SLOTS = 3 };
typedef struct {
    void *p;
    size_t bytes;
    cudaEvent_t done;
} cuda_slot;

/* A step runs as it is asked for; or is recorded, which runs nothing; or repeats what was recorded:
 * then what is asked for is only counted, so that its scalars are known, and runs as one graph at
 * the step's end (graph.c). */
typedef enum { STEP_RUNS, STEP_RECORDED, STEP_REPEATED } step_phase;
enum { CUDA_GRAPHS = 8, CUDA_SCALARS = 4096 };
typedef struct {
    uint64_t kind;
    unsigned memory; /* that of the engine when it last ran */
    int runs;
    uint64_t sum; /* of what was asked for */
    cudaGraphExec_t graph;
} cuda_step;

typedef struct {
    cudaStream_t stream, side;
    unsigned memory; /* goes up with each piece of memory taken or given back: recorded steps hold
                        addresses */
    step_phase phase;
    cuda_step steps[CUDA_GRAPHS], *step;
    int n_steps, n_scalars, no_graphs;
    uint64_t sum;
    cuda_scalars *scalars, *scalars_there;
    void *blas_work;
    cudnnHandle_t dnn;
    cublasHandle_t blas;
    int tf32;
    cuda_twin *twins;
    int n_twins, cap, twin; /* twin: asked for last */
    cuda_slot slots[CUDA_SLOTS];
    int slot;
    buffer staging; /* of import and export, on the device */
} cuda_own;
static inline cuda_own *cuda_of(engine *e) { return e->own; }

static inline float *engine_input(engine *e, const node *n) { return e->nodes[n->in[0]].y.p; }
/* Noise of dropout and DropBlock. */
static inline rng_key_t engine_cuda_drop_key(const node *n, const engine_mode *m) {
    return rng_key(m->seed, RNG_DROPOUT, m->draw, (uint64_t)n->id);
}

/* 0: what is queued now is in the graph already. LIVE: a call of a library that queues work. */
int engine_cuda_live(engine *e);
#define LIVE(e, call)                  \
    do {                               \
        if (engine_cuda_live(e)) call; \
    } while (0)
/* Where a recorded step finds these; NULL: by value. */
const cuda_scalars *engine_cuda_scalars(engine *e, const cuda_scalars *v);
void engine_cuda_step_begin(engine *e, uint64_t kind);
void engine_cuda_step_end(engine *e);
void engine_cuda_steps_free(engine *e);

/* Run a loop n times on the engine's stream (kernels.cu). NULL, or what CUDA complains of. */
const char *engine_cuda_launch(cuda_loop which, uint32_t n, const cuda_job *job, void *stream);
void engine_cuda_each(engine *e, cuda_loop which, size_t n, const cuda_job *job);

/* The caller's memory to the device, without waiting and without holding on to `from` (memory.c).
 */
void engine_cuda_upload(engine *e, void *to, const void *from, size_t bytes);
/* All slots as large as any: while a step is recorded no memory is taken. */
void engine_cuda_level_slots(engine *e);
/* To the caller's memory, waited for. */
void engine_cuda_download(engine *e, void *to, const void *from, size_t bytes);

/* The twin of an array, up to date; writes: the device will have the newer one. f: see cuda_twin,
 * NULL for plain ones. (twins.c) */
void *engine_cuda_twin(engine *e, const void *array, size_t bytes, const shape4 *f, int writes);
static inline float *cuda_floats(engine *e, const float *array, size_t n, int writes) {
    return engine_cuda_twin(e, array, n * sizeof *array, NULL, writes);
}
void engine_cuda_read(engine *e, const void *array);
void engine_cuda_changed(engine *e, const void *array);
void engine_cuda_twins_free(engine *e);
void engine_cuda_sgd(engine *e, float *w, float *update, size_t n, const sgd_args *a, int batch);
void engine_cuda_adam(engine *e, float *w, float *update, float *m, float *v, size_t n,
                      const adam_args *a, int batch);
double engine_cuda_squares(engine *e, const engine_span *a, int n);

/* One thread at a time records a step, or takes and gives back memory, streams and handles: some of
 * these wait for the whole device, which would break off another thread's recording. */
void engine_cuda_lock(void);
void engine_cuda_unlock(void);
float *engine_cuda_alloc(engine *e, size_t floats);
void engine_cuda_release(engine *e, float *p, size_t floats);
void engine_cuda_from_nchw(engine *e, float *nhwc, const float *nchw, shape4 s, int add);
void engine_cuda_to_nchw(engine *e, float *nchw, const float *nhwc, shape4 s, int add);
void engine_cuda_zero(engine *e, float *p, size_t floats);
void engine_cuda_copy(engine *e, float *y, const float *x, size_t floats, int add);
const float *engine_cuda_output(engine *e, node *n);
double engine_cuda_loss(engine *e, node *n);

/* n's delta from that of its output to that before the activation, which had x. NULL: it was not
 * kept, and a gradient that needs it ends the process with a sentence. */
void engine_cuda_delta_act(engine *e, node *n, act_kind a, const float *x);
/* As engine_cpu_norm; stat: NORM_ROWS*c floats on the device, kept for backward. */
void engine_cuda_norm(engine *e, float *y, const float *x, size_t rows, int c,
                      const engine_params *p, act_kind a, int batch, float *stat);
void engine_cuda_norm_back(engine *e, float *dx, const float *dy, const float *x, size_t rows,
                           int c, const engine_params *p, act_kind a, int batch, int theta_grads,
                           float *stat);
/* (+=) the sums of dy over the rows. */
void engine_cuda_bias_update(engine *e, float *update, const float *dy, size_t rows, int c);
/* (=) the sums over the rows of dy times x, of the channels that both have. */
void engine_cuda_products(engine *e, double *sums, const float *dy, int dy_c, const float *x,
                          int x_c, size_t rows);
#endif
