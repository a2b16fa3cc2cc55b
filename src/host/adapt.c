/* adapt.c - [meta_shared] adapt=A: how much of the noise a network gets follows from how well it
 * knows its training pictures. While the running share of those that it classifies right, noise and
 * augmentation included, is above A, the noise grows; else it shrinks. So there is none where
 * training does not learn its pictures by heart. Augmentation of GANs is steered in this way
 * (Karras et al., "Training GANs with limited data", 2020). */
#include "host/net_internal.h"

#define KEEPS 0.98f      /* of the running share, a pass */
#define WHOLE_RANGE 0.1f /* of max_batches: what t needs from 0 to 1 */

static int largest(const float *p, int n) {
    int at = 0;
    for (int k = 1; k < n; k++)
        if (p[k] > p[at]) at = k;
    return at;
}

void host_adapt(host_net *h, const network *net, const layer *l) {
    host_adaptation *a = &h->adapt;
    int right = 0, n = l->outputs;
    for (int b = 0; b < net->batch; b++)
        right += largest(l->output + (size_t)b * (size_t)n, n) ==
                 largest(net->truth + (size_t)b * (size_t)n, n);
    float share = (float)right / (float)net->batch,
          step = 1 / (WHOLE_RANGE * (float)net->max_batches * (float)net->subdivisions);
    a->right = a->known ? KEEPS * a->right + (1 - KEEPS) * share : share;
    a->known = 1;
    a->t += a->right > h->shared.adapt ? step : -step;
    if (a->t < 0) a->t = 0;
    if (a->t > 1) a->t = 1;
}
