/* meta_step.h - the two halves of a meta-training step on one task's network (MetaPerturb,
 * algorithm 1). */
#ifndef MP_META_STEP_H
#define MP_META_STEP_H
#include "data/batch.h"
#include "host/net.h"

/* Both run at t = 1 with noise of the given draw; b holds net->batch images. The mean loss of an
 * image is returned. */

/* theta on a training batch; the optimizer's step follows the last of net->subdivisions batches,
 * and *gradient then is the L2 norm of the mean gradient of theta, else 0. phi gets no gradient. */
float meta_theta_pass(network *net, const batch_t *b, uint64_t draw, double *gradient);
/* The loss of a validation batch (batch norm by its running statistics, [perturb] as in training),
 * and in *accuracy the part of its images whose label came out first; minus the gradient with
 * respect to phi is added to sum. theta and batch norm's statistics stay as they are; [perturb]'s
 * move. */
float meta_phi_pass(network *net, const batch_t *b, uint64_t draw, double sum[PHI_LEN],
                    double *accuracy);
#endif
