/* batch_norm.h - the constants of batch norm.
 *
 * Inference: (x - m)/(sqrt(v) + BN_INFERENCE_EPS), as Debian's Darknet computes it on the CPU.
 * Training: (x - m)/sqrt(v + BN_BATCH_EPS), as the AlexeyAB fork does in both, and cuDNN; the
 * rolling variance takes v + BN_BATCH_EPS, so that inference sees what training saw. */
#ifndef MP_BATCH_NORM_H
#define MP_BATCH_NORM_H
#define BN_INFERENCE_EPS 1e-6
#define BN_BATCH_EPS 1e-5
#define BN_MOMENTUM 0.1 /* of the rolling statistics; what is there keeps 1 - BN_MOMENTUM */
#endif
