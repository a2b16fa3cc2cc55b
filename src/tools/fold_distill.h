/* fold_distill.h - the folded network trained some steps towards what it stands for. Inside the
 * room only.
 *
 * One g and b a channel cannot follow a multiplier that depends on the input (fold.h). What is left
 * of the difference goes into the weights: Adam on the cross-entropy between the outputs p of the
 * perturbed network's deterministic pass and q of the folded one, minimise the mean over images of
 * -sum(p * log(q))           (Hinton, Vinyals, Dean 2015, temperature 1) with batch norm's rolling
 * statistics held fixed, so that the network that is trained is the one that is written. */
#ifndef MP_FOLD_DISTILL_H
#define MP_FOLD_DISTILL_H
#include "tools/fold_net.h"

/* `plain` (its statistics in place) towards `net`, both ending in [softmax]; the rate falls to 0
 * along half a cosine. kl: mean KL(p || q) of an image in the first and the last tenth of the
 * steps. Labels are not used. The steps taken, 0 where the outputs agree already, or -1 and err. */
int fold_distill(network *net, network *plain, const fold_images *im, int steps, double kl[2],
                 char *err);
#endif
