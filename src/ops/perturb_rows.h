/* perturb_rows.h - the inner loops of the perturbation, each over one row of a picture: w pixels of
 * c contiguous floats.
 *
 * Rows that are read through a 3x3 window lie in rings of three (perturb_internal.h), each with a
 * zero pixel at both ends, so that no loop branches at an edge. Where c is a multiple of ROWS_LANES
 * the loops go by whole vectors of channels; any other c works too. */
#ifndef MP_PERTURB_ROWS_H
#define MP_PERTURB_ROWS_H
#include "ops/perturb.h"

enum { ROWS_LANES = 16 };
enum { ROWS_MASK_E1 = PERTURB_K }; /* bit of a mask byte: E1 > 0; bits 0..3: conv3x3(x; K_k) > 0 */

/* The three rows around output row y, each at its left border pixel. */
typedef struct {
    const float *a, *b, *d;
} rows_window;

typedef enum { ROWS_SET, ROWS_ADD, ROWS_RELU } rows_mode;
/* v = base[pixel] (NULL: 0) + the 9 taps k[3*dy+dx] * win[dy][pixel+dx]; out = v, out += v, or out
 * = max(v, 0). */
void rows_conv(float *out, rows_window win, int w, int c, const float k[9], const float *base,
               rows_mode mode);
/* out += taps of two windows with their kernels k[0..8], k[9..17]. */
void rows_conv_pair(float *out, rows_window p, rows_window q, int w, int c, const float k[18]);
/* acc[t] += sum over the row of d * win[tap t], for the 9 taps. */
void rows_kernel_gradient(double acc[9], const float *d, rows_window win, int w, int c);

/* out[pixel] = factor * sum over channels of x. */
void rows_channel_sum(float *out, const float *x, int w, int c, float factor);

/* sums[k*c + channel] += relu(conv3x3(x; K_k)) over the row, k = 0..3, and the signs into bits 0..3
 * of mask (=; may be NULL). tmp: 2*w*c floats, bits: w*c. */
void rows_feature(float *sums, uint8_t *mask, rows_window win, int w, int c, const float *K,
                  float *tmp, uint32_t *bits);
/* out[k] (k = 0..3) = coef[k*c + channel] where bit k of mask is set, else 0. bits: w*c. */
void rows_feature_spread(float *const out[PERTURB_K], const uint8_t *mask, const float *coef, int w,
                         int c, uint32_t *bits);

/* Bit ROWS_MASK_E1 of mask from r > 0: other bits kept if keep, else cleared. */
void rows_mask_set(uint8_t *mask, const float *r, size_t n, int keep);
/* d = 0 where that bit is not set. */
void rows_mask_apply(float *d, const uint8_t *mask, size_t n);

/* z = softplus(alpha + eps), in place of alpha. */
void rows_softplus(float *alpha, const float *eps, size_t n);
/* v = x * (1 + t*(s*z - 1)), at most clip (two_sided: in size), with s[channel]; y = v > 0 ? v :
 * slope*v. t, the bounds and slope are those of a. */
void rows_apply(float *y, const float *x, const float *z, const float *s, int w, int c,
                const perturb_args *a);
/* With g = dy * activation' where v was not clipped, else 0: dx (+)= g * (1 + t*(s*z - 1)); dz =
 * g*x*t*s; ds[channel] += g*x*t*z. */
void rows_direct_gradient(float *dx, int add, float *dz, float *ds, const float *dy, const float *x,
                          const float *z, const float *s, int w, int c, const perturb_args *a);
/* dalpha = dz * sigmoid(u) = dz * (1 - exp(-z)), in place. */
void rows_noise_gradient(float *dz, const float *z, size_t n);
/* z = E[softplus(alpha + eps)]; slope (may be NULL): its derivative. */
void rows_mean_softplus(float *z, float *slope, const float *alpha, size_t n);
/* z = softplus(alpha + eps) / E[softplus(alpha + eps)]; slope (may be NULL): its derivative to
 * alpha. */
void rows_unit_softplus(float *z, float *slope, const float *alpha, const float *eps, size_t n);
void rows_multiply(float *x, const float *by, size_t n);
#endif
