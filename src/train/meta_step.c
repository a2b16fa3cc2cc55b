/* meta_step.c - see meta_step.h */
#include "train/meta_step.h"
#include "engine/mode.h"
#include "train/session.h"
#include <math.h>

/* The layers' updates hold minus the gradient, summed over the images of a step. */
static double theta_norm(const network *net) {
    return sqrt(host_updates_squared(net)) / ((double)net->batch * net->subdivisions);
}

float meta_theta_pass(network *net, const batch_t *b, uint64_t draw, double *gradient) {
    host_net *h = host_of(net);
    engine_mode mode = mode_training(1, host_seed_of(h), draw);
    host_set_mode(h, &mode);
    *net->seen += (size_t)net->batch;
    float loss = session_pass(net, b);
    *gradient = 0;
    if (*net->seen / (size_t)net->batch % (size_t)net->subdivisions) return loss;
    *gradient = theta_norm(net);
    update_network(net);
    return loss;
}

static double part_right(const network *net, const batch_t *b) {
    int right = 0;
    for (int i = 0; i < net->batch; i++) {
        const float *p = net->output + (size_t)i * (size_t)net->outputs;
        int best = 0;
        for (int k = 1; k < net->outputs; k++)
            if (p[k] > p[best]) best = k;
        right += b->truth[(size_t)i * (size_t)net->outputs + (size_t)best] > 0;
    }
    return (double)right / net->batch;
}

float meta_phi_pass(network *net, const batch_t *b, uint64_t draw, double sum[PHI_LEN],
                    double *accuracy) {
    host_net *h = host_of(net);
    engine_mode mode = mode_samples(1, host_seed_of(h), draw);
    mode.keep = mode.perturb_batch = mode.phi_grads = 1; /* theta stands still, batch norm too */
    double *d = host_phi_update(h);
    host_phi_update_clear(h);
    host_set_mode(h, &mode);
    float loss = session_pass(net, b);
    *accuracy = part_right(net, b);
    engine_read(host_engine(h), d);
    for (int k = 0; k < PHI_LEN; k++) sum[k] += d[k] / net->batch;
    host_phi_update_clear(h);
    return loss;
}
