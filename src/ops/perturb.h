/* perturb.h - the perturbation of MetaPerturb (Ryu, Shin, Lee, Hwang, NeurIPS 2020, section 3).
 *
 *   E(x; ks, ka)_c = conv3x3(x_c; ks) + conv3x3(mean over channels of x; ka)      stride 1, zero
 * pad 1, no bias alpha = E2( relu( E1(x) ) ) z     = softplus(alpha + eps) eps ~ N(0,1) f_bck =
 * mean over h,w of relu( conv3x3(x_bc; K_k) )                           k = 0..3 m_ck, v_ck = mean
 * and unbiased variance of f over the batch (v = 0 if B = 1)  or the running ones s_c   = sigmoid(
 * w . [ m_c (4), v_c (4), C/C_norm, H/H_norm ] ) v     = x * (1 + t*(s_c*z - 1)), at most clip out
 * = v > 0 ? v : slope*v
 *
 * The authors bound v from above alone, which is the same before a relu (two_sided=0). Where maps
 * keep their sign (the sums of a detector's trunk), what has no bound below grows from block to
 * block until it is no number.
 *
 * Convolutions are cross-correlations. Tensors are NHWC (shape.h). (=) overwrites, (+=)
 * accumulates. Nothing here allocates, prints or fails; wrong sizes are asserted. Both use OpenMP
 * threads; the result depends on nothing but the arguments and the number of threads. */
#ifndef MP_PERTURB_H
#define MP_PERTURB_H
#include "ops/rng.h"
#include "ops/shape.h"

/* phi, 82 floats: offsets of its parts. Kernels are row-major 3x3, K is 4 of them, w is 4 means, 4
 * variances, C, H. */
enum {
    PHI_E1_SELF = 0,
    PHI_E1_ALL = 9,
    PHI_E2_SELF = 18,
    PHI_E2_ALL = 27,
    PHI_K = 36,
    PHI_W = 72,
    PHI_LEN = 82
};
enum { PERTURB_K = 4 };

typedef enum {
    PERTURB_NOISE_NONE,   /* z = 1: the ablation noise=0 */
    PERTURB_NOISE_SAMPLE, /* z = softplus(alpha + eps) */
    PERTURB_NOISE_MEAN,   /* z = E[softplus(alpha + eps)]: deterministic inference */
    PERTURB_NOISE_UNIT,   /* z = softplus(alpha + eps) / E[softplus(alpha + eps)], of mean 1; both
                             depend on alpha */
    PERTURB_NOISE_GAUSS   /* z = 1 + sd*eps; no alpha */
} perturb_noise;

/* What a [perturb] multiplies by: noise= in a cfg. A pass with noise, and one that stands for the
 * mean of many, make of it: */
typedef enum {
    PERTURB_KIND_NONE,     /* 0: z = 1 in both */
    PERTURB_KIND_PAPER,    /* 1: SAMPLE, MEAN */
    PERTURB_KIND_GAUSSIAN, /* GAUSS, NONE; always without scale and clip: Gaussian dropout, the
                              identity on average */
    PERTURB_KIND_MEAN,     /* MEAN in both: the gain without its noise */
    PERTURB_KIND_UNIT      /* UNIT, NONE: the noise without its gain */
} perturb_kind;
static inline perturb_noise perturb_noise_of(perturb_kind k, int noisy) {
    static const perturb_noise of[][2] = {{PERTURB_NOISE_NONE, PERTURB_NOISE_NONE},
                                          {PERTURB_NOISE_MEAN, PERTURB_NOISE_SAMPLE},
                                          {PERTURB_NOISE_NONE, PERTURB_NOISE_GAUSS},
                                          {PERTURB_NOISE_MEAN, PERTURB_NOISE_MEAN},
                                          {PERTURB_NOISE_NONE, PERTURB_NOISE_UNIT}};
    return of[k][noisy != 0];
}

typedef struct {
    shape4 s;
    float c_feature; /* C / C_norm */
    float h_feature; /* H / H_norm */
    float t;         /* annealing, 0..1 */
    float clip;      /* INFINITY: none */
    int two_sided;   /* v is bounded by -clip too */
    float slope;     /* of the activation below 0; 1: no activation, 0: relu */
    perturb_noise noise;
    int scale;       /* 0: s = 1, the ablation scale=0 */
    int batch_stats; /* 1: m, v from this batch, running statistics updated; 0: the running ones */
    float momentum;  /* running' = (1-momentum)*running + momentum*batch */
    const float
        *eps; /* (N,H,W,C) noise given by the caller, or NULL: drawn from key, row = n*H + y */
    rng_key_t key;
    float sd; /* of PERTURB_NOISE_GAUSS */
} perturb_args;

/* Floats that forward leaves for backward, and floats of scratch that either call needs. */
size_t perturb_tape_len(shape4 s);
size_t perturb_scratch_len(shape4 s, int threads);

void perturb_forward(float *y,            /* (=)  (N,H,W,C), not x                              */
                     float *tape,         /* (=)  perturb_tape_len; NULL: no backward will follow */
                     float *running_mean, /*      (C,4): read, or updated if batch_stats        */
                     float *running_var,  /*      (C,4)                                         */
                     const float *x,      /*      (N,H,W,C)                                     */
                     const float *phi,    /*      PHI_LEN                                       */
                     const perturb_args *a, float *scratch);

/* Gradients of sum(dy * y). The same phi, args and running statistics as the forward call that
 * wrote the tape. */
void perturb_backward(float *dx, /* (=), or (+=) if add_dx; (N,H,W,C); NULL: not wanted */
                      int add_dx,
                      double *dphi, /* (+=) PHI_LEN; NULL: not wanted (frozen phi: much cheaper) */
                      const float *dy, /*      (N,H,W,C)                                     */
                      const float *tape, const float *x, const float *phi, const perturb_args *a,
                      float *scratch);

/* E[softplus(alpha + eps)] over eps ~ N(0,1); 0.80606 at 0. Absolute error below 1e-6. */
float perturb_mean_softplus(float alpha);
#endif
