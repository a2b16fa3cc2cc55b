/* fold.h - a trained network with [perturb] as a plain one, for Darknet and whatever else reads its files.
 *
 * One pass of inference multiplies each element x of channel c by m(x) = 1 + t*(s_c*E[z] - 1). Its stand-in is one number for
 * a channel: the g that minimises, over the calibration images, the sum of (a(g*x) - a(m*x))^2, where a is the activation behind.
 * For linear, relu and leaky, and m, g > 0, a(g*x) = g*a(x), so that
 *     g = sum of a(x)*a(m*x) / sum of a(x)^2
 * (for other activations the same with a(x) = x). g is multiplied into the batch norm (scale and bias) of the convolution
 * before, or into its weights and biases if it has none; where something else stands before (an add), or reads that convolution
 * too, a 1x1 convolution of one channel each (groups = channels) takes the place of [perturb].
 * Batch norm statistics are then collected anew on the calibration images, layer by layer as the new network runs, and every
 * filter is rescaled to rolling variance 1: other programs add their epsilon elsewhere (OpenCV inside the root), which
 * changes channels of small variance. */
#ifndef MP_FOLD_H
#define MP_FOLD_H
#include "host/cfg.h"
#include <stdint.h>

typedef struct {
    const char *cfg, *weights, *out_cfg, *out_weights, *data, *json;
    uint64_t seed;
    int images, samples, threads, skip_bad;
} fold_args;

/* Writes out_cfg and out_weights, then tests three networks on the valid list (a classifier's): `samples` noise samples, one
 * deterministic pass, and the files just written, run by the host's own code. 0, or -1 and one sentence. */
int fold(const fold_args *a, char *err);
#endif
