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

/* lookahead=: phi's gradient through theta's own step. With theta' = theta - reach P g(theta, phi),
 * g the gradient of the train batch's loss (that of decay does not depend on phi), and v that of
 * the validation batch's at theta',
 *     d loss(theta', phi) / d phi = direct - mixed,   direct as meta_phi_pass has it,
 *     mixed = reach d/dphi [g(theta, phi) . P v]
 *           = reach (G(theta + e P v) - G(theta - e P v)) / 2e,   G: the train loss's by phi,
 * by two more passes with the noise and the dropout that theta's step had. P and reach (its horizon
 * in steps): host/theta.h. Running statistics count as constants. */
typedef struct {
    int horizon;
    double far; /* the L2 norm of e P v */
    size_t n;
    float *before, *after, *way, *from; /* n: theta before its step and after, P v, where to look */
    float *running;                     /* statistics */
} meta_look;
/* far, in hundredths. / Steps of a theta before the first look: second moments of fewer steps tell
 * little of how far Adam will go where a gradient happened to be near 0. (Conv4, 20 classes: mixed
 * is 0.85 after the first step, and 0.03 to 0.08 in the twenty after that.) */
enum { META_LOOK_PERCENT = 5, META_LOOK_FROM = 10 };

typedef struct {
    const batch_t *b;
    uint64_t draw;
} meta_batch;

/* For a network like net. NULL: not enough memory. */
meta_look *meta_look_new(const network *net, int horizon);
void meta_look_free(meta_look *k);
/* Remembers theta: to be called before the meta_theta_pass on the train batch. */
void meta_look_begin(meta_look *k, const network *net);
/* What meta_phi_pass does, and mixed added to `mixed`: sum + mixed is minus the whole gradient. For
 * net->subdivisions of 1. Nothing more is left changed than by meta_phi_pass, bit for bit. */
float meta_look_pass(meta_look *k, network *net, meta_batch train, meta_batch check,
                     double sum[PHI_LEN], double mixed[PHI_LEN], double *accuracy);
#endif
