/* temperature.h - temperature scaling (Guo et al., ICML 2017): p' = softmax(log p / T), with the T
 * of the least NLL. */
#ifndef MP_TEMPERATURE_H
#define MP_TEMPERATURE_H
#include "ops/metrics.h"

/* The T for images first, first + step, ... of p (n, classes), in [0.02, 50]; 1 where there is no
 * image. Probabilities count as 1e-30 at least. The NLL is convex in 1/T, so that there is one. */
double temperature_fit(const float *p, const int *truth, int n, int classes, int first, int step);
/* p'[classes] of one image. */
void temperature_apply(float *out, const float *p, int classes, double t);
/* Figures of all n images, each with the T of the other half (even or odd place): no image is
 * scored by a temperature that has seen it. Returns the mean of the two T. scratch: (classes). */
double temperature_crossed(metrics *m, const float *p, const int *truth, int n, int classes, int k,
                           float *scratch);
#endif
