/* perturb_rows.h - the inner loops of the perturbation, each over one row of a picture: n = W*C contiguous floats.
 *
 * Pictures that are read through a 3x3 window lie in buffers with a border of one zero pixel all round, so that no loop
 * branches at an edge: row y of such a buffer begins at pad + (y+1)*stride, its first pixel C floats later. */
#ifndef MP_PERTURB_ROWS_H
#define MP_PERTURB_ROWS_H
#include "ops/perturb.h"

typedef struct { int h, w, c; size_t stride, len; } padded;     /* stride = (w+2)*c floats, len = (h+2)*stride */
static inline padded padded_of(shape4 s) {
    size_t stride = ((size_t)s.w + 2) * (size_t)s.c;
    return (padded){s.h, s.w, s.c, stride, ((size_t)s.h + 2) * stride};
}
/* Window of output row y: the buffer's row above, at the left border pixel. */
static inline const float *padded_window(const float *buf, padded p, int y) { return buf + (size_t)y * p.stride; }
static inline float *padded_row(float *buf, padded p, int y) { return buf + ((size_t)y + 1) * p.stride + (size_t)p.c; }

/* Zero the border of buf. */
void rows_clear_border(float *buf, padded p);

/* out[i] (+)= base + sum of the 9 taps k[3*dy+dx] * win[dy*stride + dx*c + i]; base[i / c], NULL: 0. */
void rows_conv(float *out, const float *win, padded p, const float k[9], const float *base, int add);

/* The same window, mirrored kernel: the transposed convolution, with its input in the window. out += */
void rows_conv_transposed(float *out, const float *win, padded p, const float k[9]);

/* acc[t] += sum over the row of d[i] * win[tap t at i], for the 9 taps. */
void rows_kernel_gradient(double acc[9], const float *d, const float *win, padded p);

/* mean over channels of each pixel: out[w]. / sum. */
void rows_channel_sum(float *out, const float *x, int w, int c, float factor);

/* sums[k*c + channel] += relu(conv3x3(x; K_k)) over the row, k = 0..3; tmp: 4*w*c floats. */
void rows_feature(float *sums, const float *win, padded p, const float *K, float *tmp);
/* out[i] = coef[channel] if conv3x3(x; k) > 0, else 0. */
void rows_feature_mask(float *out, const float *win, padded p, const float k[9], const float *coef);

void rows_relu(float *x, size_t n);
/* z = softplus(alpha + eps), in place of alpha. */
void rows_softplus(float *alpha, const float *eps, size_t n);
/* y = min(x * (1 + t*(s*z - 1)), clip) with s[channel]. */
void rows_apply(float *y, const float *x, const float *z, const float *s, int w, int c, float t, float clip);

/* ds[channel] += dy * x * t * z, where not clipped. */
void rows_scale_gradient(float *ds, const float *dy, const float *x, const float *z, const float *s, int w, int c, float t,
                         float clip);
/* dx (+)= dy * (1 + t*(s*z - 1)); dz = dy * x * t * s; both 0 where clipped. */
void rows_direct_gradient(float *dx, int add, float *dz, const float *dy, const float *x, const float *z, const float *s, int w,
                          int c, float t, float clip);
/* z = E[softplus(alpha + eps)]; slope (may be NULL): its derivative. */
void rows_mean_softplus(float *z, float *slope, const float *alpha, size_t n);
/* dalpha = dz * sigmoid(u) = dz * (1 - exp(-z)), in place. */
void rows_noise_gradient(float *dz, const float *z, size_t n);
/* d = 0 where r is not above 0, after adding base[i / c]. */
void rows_relu_gradient(float *d, const float *r, const float *base, int w, int c);
/* x[i] += base[i / c] */
void rows_add_base(float *x, const float *base, int w, int c);
#endif
