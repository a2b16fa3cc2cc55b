/* libraries.c - what the engine calls of cuDNN and cuBLAS, in plain loops; see sim.h. Sums are in
 * double. */
#include "sim.h"
#include <cublas_v2.h>
#include <cudnn.h>
#include <stdlib.h>
#include <string.h>

/* ---- cuDNN: descriptors ---- */

struct cudnnContext {
    cudaStream_t stream;
};
struct cudnnTensorStruct {
    int n, c, h, w, nchw;
};
struct cudnnFilterStruct {
    int k, c, h, w, nchw;
};
struct cudnnConvolutionStruct {
    int pad, stride, stride_x, dilation, groups;
    cudnnMathType_t math;
};

#define NEW(type, name)                                                                         \
    cudnnStatus_t cudnnCreate##name(type *p) {                                                  \
        return (*p = calloc(1, sizeof **p)) ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_ALLOC_FAILED; \
    }                                                                                           \
    cudnnStatus_t cudnnDestroy##name(type p) {                                                  \
        free(p);                                                                                \
        return CUDNN_STATUS_SUCCESS;                                                            \
    }
NEW(cudnnHandle_t, )
NEW(cudnnTensorDescriptor_t, TensorDescriptor)
NEW(cudnnFilterDescriptor_t, FilterDescriptor)
NEW(cudnnConvolutionDescriptor_t, ConvolutionDescriptor)

const char *cudnnGetErrorString(cudnnStatus_t s) {
    return s == CUDNN_STATUS_SUCCESS ? "no error" : "an error";
}

cudnnStatus_t cudnnSetStream(cudnnHandle_t h, cudaStream_t s) {
    h->stream = s;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetTensor4dDescriptor(cudnnTensorDescriptor_t t, cudnnTensorFormat_t f,
                                         cudnnDataType_t type, int n, int c, int h, int w) {
    if (type != CUDNN_DATA_FLOAT || n < 1 || c < 1 || h < 1 || w < 1) return CUDNN_STATUS_BAD_PARAM;
    *t = (struct cudnnTensorStruct){n, c, h, w, f == CUDNN_TENSOR_NCHW};
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetFilter4dDescriptor(cudnnFilterDescriptor_t t, cudnnDataType_t type,
                                         cudnnTensorFormat_t f, int k, int c, int h, int w) {
    if (type != CUDNN_DATA_FLOAT || k < 1 || c < 1 || h < 1 || w < 1) return CUDNN_STATUS_BAD_PARAM;
    *t = (struct cudnnFilterStruct){k, c, h, w, f == CUDNN_TENSOR_NCHW};
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetConvolution2dDescriptor(cudnnConvolutionDescriptor_t d, int ph, int pw, int u,
                                              int v, int dh, int dw, cudnnConvolutionMode_t mode,
                                              cudnnDataType_t type) {
    if (ph != pw || u < 1 || v < 1 || dh < 1 || dw != dh || mode != CUDNN_CROSS_CORRELATION ||
        type != CUDNN_DATA_FLOAT)
        return CUDNN_STATUS_NOT_SUPPORTED;
    *d = (struct cudnnConvolutionStruct){ph, u, v, dh, 1, CUDNN_DEFAULT_MATH};
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetConvolutionGroupCount(cudnnConvolutionDescriptor_t d, int groups) {
    d->groups = groups;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t d, cudnnMathType_t t) {
    d->math = t;
    return t == CUDNN_FMA_MATH || t == CUDNN_DEFAULT_MATH ? CUDNN_STATUS_SUCCESS
                                                          : CUDNN_STATUS_BAD_PARAM;
}

enum { TO_Y, TO_X, TO_W }; /* the three ways of a convolution */

/* CUDA_SIM_NO_NHWC: a device whose cuDNN has nothing repeatable in NHWC. */
static int repeatable(cudnnTensorDescriptor_t x) { return x->nchw || !getenv("CUDA_SIM_NO_NHWC"); }

/* Where TF32 is allowed, only the gradient of the input uses it: an algorithm must be called with
 * the kind of product it was ranked with. */
static cudnnMathType_t math_of(int way) {
    return way == TO_X && getenv("METAPERTURB_TF32") ? CUDNN_DEFAULT_MATH : CUDNN_FMA_MATH;
}

/* First one that does not repeat itself, then one that wants more work than there is, then the one
 * to take. */
#define RANK(perf, wanted, algorithm, x, way)                                                    \
    do {                                                                                         \
        memset(perf, 0, 3 * sizeof *(perf));                                                     \
        if ((wanted) < 3) return CUDNN_STATUS_BAD_PARAM;                                         \
        (perf)[0].determinism = CUDNN_NON_DETERMINISTIC;                                         \
        (perf)[1].determinism = (perf)[2].determinism = repeatable(x) ? CUDNN_DETERMINISTIC      \
                                                                      : CUDNN_NON_DETERMINISTIC; \
        (perf)[1].memory = (size_t)1 << 40;                                                      \
        (perf)[2].algo = algorithm;                                                              \
        (perf)[2].mathType = math_of(way);                                                       \
        (perf)[2].memory = 1000;                                                                 \
        *count = 3;                                                                              \
        return CUDNN_STATUS_SUCCESS;                                                             \
    } while (0)

cudnnStatus_t cudnnGetConvolutionForwardAlgorithm_v7(cudnnHandle_t h, cudnnTensorDescriptor_t x,
                                                     cudnnFilterDescriptor_t w,
                                                     cudnnConvolutionDescriptor_t c,
                                                     cudnnTensorDescriptor_t y, int wanted,
                                                     int *count,
                                                     cudnnConvolutionFwdAlgoPerf_t *perf) {
    (void)h;
    if (w->c * c->groups != x->c || w->k != y->c) return CUDNN_STATUS_BAD_PARAM;
    if ((x->h + 2 * c->pad - (w->h - 1) * c->dilation - 1) / c->stride + 1 != y->h ||
        (x->w + 2 * c->pad - (w->w - 1) * c->dilation - 1) / c->stride_x + 1 != y->w)
        return CUDNN_STATUS_BAD_PARAM;
    RANK(perf, wanted, CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM, x, TO_Y);
}

cudnnStatus_t cudnnGetConvolutionBackwardDataAlgorithm_v7(
    cudnnHandle_t h, cudnnFilterDescriptor_t w, cudnnTensorDescriptor_t dy,
    cudnnConvolutionDescriptor_t c, cudnnTensorDescriptor_t dx, int wanted, int *count,
    cudnnConvolutionBwdDataAlgoPerf_t *perf) {
    (void)h;
    if (w->c * c->groups != dx->c || w->k != dy->c) return CUDNN_STATUS_BAD_PARAM;
    RANK(perf, wanted, CUDNN_CONVOLUTION_BWD_DATA_ALGO_1, dx, TO_X);
}

cudnnStatus_t cudnnGetConvolutionBackwardFilterAlgorithm_v7(
    cudnnHandle_t h, cudnnTensorDescriptor_t x, cudnnTensorDescriptor_t dy,
    cudnnConvolutionDescriptor_t c, cudnnFilterDescriptor_t dw, int wanted, int *count,
    cudnnConvolutionBwdFilterAlgoPerf_t *perf) {
    (void)h;
    if (dw->c * c->groups != x->c || dw->k != dy->c) return CUDNN_STATUS_BAD_PARAM;
    RANK(perf, wanted, CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1, x, TO_W);
}

/* ---- cuDNN: the convolution, three ways ---- */

typedef struct {
    struct cudnnTensorStruct x, y;
    struct cudnnFilterStruct w;
    struct cudnnConvolutionStruct c;
    const float *X, *Y, *W;
    float *out, beta;
    void *work;
    size_t work_bytes;
    int way;
} conv;

/* Of four counts, in either order of memory. */
static size_t at(int nchw, int C, int H, int W, int n, int c, int h, int w) {
    return nchw ? (((size_t)n * C + c) * H + h) * W + w : (((size_t)n * H + h) * W + w) * C + c;
}

/* acc of what is asked for += product of the other two, over every (output pixel, filter, tap,
 * channel). */
static void run_conv(void *p) {
    conv *a = p;
    size_t nx = (size_t)a->x.n * a->x.h * a->x.w * a->x.c,
           ny = (size_t)a->y.n * a->y.h * a->y.w * a->y.c,
           nw = (size_t)a->w.k * a->w.h * a->w.w * a->w.c;
    size_t n = a->way == TO_Y ? ny : a->way == TO_X ? nx : nw;
    const float *X = a->way == TO_X ? NULL : sim_reach(a->X, 4 * nx),
                *Y = a->way == TO_Y ? NULL : sim_reach(a->Y, 4 * ny),
                *W = a->way == TO_W ? NULL : sim_reach(a->W, 4 * nw);
    float *out = sim_reach(a->out, 4 * n);
    if (a->work_bytes) memset(sim_reach(a->work, a->work_bytes), 0xff, a->work_bytes);
    double *acc = calloc(n, sizeof *acc);
    int fg = a->w.k / a->c.groups;
    for (int b = 0; b < a->x.n; b++)
        for (int oy = 0; oy < a->y.h; oy++)
            for (int ox = 0; ox < a->y.w; ox++)
                for (int k = 0; k < a->w.k; k++) {
                    size_t iy = at(a->y.nchw, a->y.c, a->y.h, a->y.w, b, k, oy, ox);
                    for (int r = 0; r < a->w.h; r++)
                        for (int s = 0; s < a->w.w; s++) {
                            int py = oy * a->c.stride - a->c.pad + r * a->c.dilation,
                                px = ox * a->c.stride_x - a->c.pad + s * a->c.dilation;
                            if (py < 0 || py >= a->x.h || px < 0 || px >= a->x.w) continue;
                            for (int c = 0; c < a->w.c; c++) {
                                size_t ix = at(a->x.nchw, a->x.c, a->x.h, a->x.w, b,
                                               k / fg * a->w.c + c, py, px),
                                       iw = at(a->w.nchw, a->w.c, a->w.h, a->w.w, k, c, r, s);
                                if (a->way == TO_Y)
                                    acc[iy] += (double)X[ix] * (double)W[iw];
                                else if (a->way == TO_X)
                                    acc[ix] += (double)Y[iy] * (double)W[iw];
                                else
                                    acc[iw] += (double)Y[iy] * (double)X[ix];
                            }
                        }
                }
    for (size_t i = 0; i < n; i++)
        out[i] = (float)(acc[i] + (a->beta != 0 ? (double)a->beta * (double)out[i] : 0));
    free(acc);
}

static cudnnStatus_t convolve(cudnnHandle_t h, conv *a, const void *alpha, const void *beta,
                              int right_algorithm) {
    a->beta = *(const float *)beta;
    if (*(const float *)alpha != 1 || !right_algorithm || a->work_bytes < 1000 ||
        a->c.math != math_of(a->way))
        return CUDNN_STATUS_BAD_PARAM;
    sim_queue(h->stream, run_conv, a, sizeof *a);
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnConvolutionForward(cudnnHandle_t h, const void *alpha,
                                      cudnnTensorDescriptor_t xd, const void *x,
                                      cudnnFilterDescriptor_t wd, const void *w,
                                      cudnnConvolutionDescriptor_t cd,
                                      cudnnConvolutionFwdAlgo_t algo, void *work, size_t bytes,
                                      const void *beta, cudnnTensorDescriptor_t yd, void *y) {
    conv a = {.x = *xd,
              .y = *yd,
              .w = *wd,
              .c = *cd,
              .X = x,
              .W = w,
              .out = y,
              .work = work,
              .work_bytes = bytes,
              .way = TO_Y};
    return convolve(h, &a, alpha, beta, algo == CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM);
}

cudnnStatus_t cudnnConvolutionBackwardData(cudnnHandle_t h, const void *alpha,
                                           cudnnFilterDescriptor_t wd, const void *w,
                                           cudnnTensorDescriptor_t yd, const void *dy,
                                           cudnnConvolutionDescriptor_t cd,
                                           cudnnConvolutionBwdDataAlgo_t algo, void *work,
                                           size_t bytes, const void *beta,
                                           cudnnTensorDescriptor_t xd, void *dx) {
    conv a = {.x = *xd,
              .y = *yd,
              .w = *wd,
              .c = *cd,
              .Y = dy,
              .W = w,
              .out = dx,
              .work = work,
              .work_bytes = bytes,
              .way = TO_X};
    return convolve(h, &a, alpha, beta, algo == CUDNN_CONVOLUTION_BWD_DATA_ALGO_1);
}

cudnnStatus_t cudnnConvolutionBackwardFilter(cudnnHandle_t h, const void *alpha,
                                             cudnnTensorDescriptor_t xd, const void *x,
                                             cudnnTensorDescriptor_t yd, const void *dy,
                                             cudnnConvolutionDescriptor_t cd,
                                             cudnnConvolutionBwdFilterAlgo_t algo, void *work,
                                             size_t bytes, const void *beta,
                                             cudnnFilterDescriptor_t wd, void *dw) {
    conv a = {.x = *xd,
              .y = *yd,
              .w = *wd,
              .c = *cd,
              .X = x,
              .Y = dy,
              .out = dw,
              .work = work,
              .work_bytes = bytes,
              .way = TO_W};
    return convolve(h, &a, alpha, beta, algo == CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1);
}

/* ---- cuBLAS ---- */

struct cublasContext {
    cudaStream_t stream;
};
const char *cublasGetStatusString(cublasStatus_t s) {
    return s == CUBLAS_STATUS_SUCCESS ? "no error" : "an error";
}
cublasStatus_t cublasCreate_v2(cublasHandle_t *p) {
    return (*p = calloc(1, sizeof **p)) ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_ALLOC_FAILED;
}
cublasStatus_t cublasDestroy_v2(cublasHandle_t p) {
    free(p);
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetStream_v2(cublasHandle_t h, cudaStream_t s) {
    h->stream = s;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetWorkspace_v2(cublasHandle_t h, void *p, size_t bytes) {
    (void)h;
    return sim_reach(p, bytes) ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}
cublasStatus_t cublasSetMathMode(cublasHandle_t h, cublasMath_t m) {
    (void)h;
    return m == CUBLAS_DEFAULT_MATH || m == CUBLAS_TF32_TENSOR_OP_MATH
               ? CUBLAS_STATUS_SUCCESS
               : CUBLAS_STATUS_INVALID_VALUE;
}

typedef struct {
    int ta, tb, m, n, k, lda, ldb, ldc;
    const float *A, *B;
    float *C, alpha, beta;
} gemm;

/* C (m x n) = alpha * op(A) op(B) + beta * C, columns one behind the other. */
static void run_gemm(void *p) {
    gemm *a = p;
    const float *A = sim_reach(a->A, 4 * (size_t)a->lda * (size_t)(a->ta ? a->m : a->k)),
                *B = sim_reach(a->B, 4 * (size_t)a->ldb * (size_t)(a->tb ? a->k : a->n));
    float *C = sim_reach(a->C, 4 * (size_t)a->ldc * (size_t)a->n);
    for (int j = 0; j < a->n; j++)
        for (int i = 0; i < a->m; i++) {
            double sum = 0;
            for (int l = 0; l < a->k; l++)
                sum += (double)(a->ta ? A[(size_t)i * a->lda + l] : A[(size_t)l * a->lda + i]) *
                       (double)(a->tb ? B[(size_t)l * a->ldb + j] : B[(size_t)j * a->ldb + l]);
            float *c = C + (size_t)j * a->ldc + i;
            *c = (float)((double)a->alpha * sum +
                         (a->beta != 0 ? (double)a->beta * (double)*c : 0));
        }
}

cublasStatus_t cublasSgemm_v2(cublasHandle_t h, cublasOperation_t ta, cublasOperation_t tb, int m,
                              int n, int k, const float *alpha, const float *A, int lda,
                              const float *B, int ldb, const float *beta, float *C, int ldc) {
    gemm a = {ta == CUBLAS_OP_T, tb == CUBLAS_OP_T, m, n, k, lda, ldb, ldc, A, B, C, *alpha, *beta};
    if (lda < (a.ta ? k : m) || ldb < (a.tb ? n : k) || ldc < m) return CUBLAS_STATUS_INVALID_VALUE;
    sim_queue(h->stream, run_gemm, &a, sizeof a);
    return CUBLAS_STATUS_SUCCESS;
}
