/* fold.h - a trained network with [perturb] as a plain one, for Darknet and whatever else reads its
 * files.
 *
 * One pass of inference multiplies each element x of channel c by m(x) = 1 + t*(s_c*E[z] - 1) and
 * applies an activation a. Its stand-in is a(g*x + b), one g and one b for a channel, by least
 * squares over the calibration images: minimise the sum of
 *
 *   w*(g*x + b - m(x)*x)^2      w = a'(x)^2: 1 above 0; below 0, 0 for relu, 0.01 for leaky
 *
 * that is, weighted by what an error does after the activation. m is never negative, so x and m*x
 * lie on the same side of it. With a relu, b > 0 would open it where it was shut: b = 0 then, and g
 * = sum(w*x*m*x)/sum(w*x*x). (Noise has E[a(m*x)] = a(x*E[m]) for these activations, so one pass is
 * also the mean of many noisy ones, layer by layer.) Of mish, swish and others that bend
 * everywhere, a'(x) is the slope between what the stand-in gives before the activation and what it
 * should. All g and b are then fitted again, twice, with x as it arrives after the stand-ins before
 * it and m(x)*x as it was in the perturbed network: each makes good for the errors of those before.
 * g and b go into the batch norm (scale and bias) of the convolution before, or into its weights
 * and biases if it has none; where something else stands before (an add), or reads that convolution
 * too, a 1x1 convolution of one channel each (groups = channels) takes the place of [perturb].
 * docs/fold.md compares this with other averages. All this is done twice: with the batch norm
 * statistics of one pass through the perturbed network, which are exact where the multipliers are
 * constant, and with those of the new network on the calibration images; the files get whichever
 * gives the nearer outputs. Every filter is rescaled to rolling variance 1: other programs add
 * their epsilon elsewhere (OpenCV inside the root), which changes channels of small variance. A
 * classifier is then trained some steps towards the deterministic outputs (fold_distill.h). */
#ifndef MP_FOLD_H
#define MP_FOLD_H
#include "base/error.h"
#include <stdint.h>

#define FOLD_SAMPLES 5
#define FOLD_DISTILL 500

typedef struct {
    const char *cfg, *weights, *out_cfg, *out_weights, *data, *json;
    uint64_t seed;
    int samples; /* 0: FOLD_SAMPLES */
    int images, threads, skip_bad, negatives;
    int distill; /* steps of fold_distill.h, classifiers only; 0: none; < 0: FOLD_DISTILL */
} fold_args;

/* Writes out_cfg and out_weights, then tests three networks on the valid list (top-1, NLL, ECE, or
 * mAP): `samples` noise samples, one deterministic pass, and the files just written, run by the
 * host's own code. 0, or -1 and one sentence. */
int fold(const fold_args *a, char *err);
#endif
