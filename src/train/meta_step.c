/* meta_step.c - see meta_step.h */
#include "train/meta_step.h"
#include "train/classifier.h"

float meta_theta_pass(network *net, const batch_t *b, uint64_t draw) {
    host_net *h = host_of(net);
    engine_mode mode = {
        .keep = 1, .bn_batch = 1, .perturb_batch = 1, .dropout = 1, .noise = PERTURB_NOISE_SAMPLE, .theta_grads = 1, .t = 1,
        .seed = host_seed_of(h), .draw = draw,
    };
    host_set_mode(h, &mode);
    return classifier_step(net, b);
}

float meta_phi_pass(network *net, const batch_t *b, uint64_t draw, double sum[PHI_LEN]) {
    host_net *h = host_of(net);
    engine_mode mode = {
        .keep = 1, .bn_batch = 0, .perturb_batch = 1, .noise = PERTURB_NOISE_SAMPLE, .phi_grads = 1, .t = 1,
        .seed = host_seed_of(h), .draw = draw,
    };
    double *d = host_phi_update(h);
    float *X = net->input, *y = net->truth;
    memset(d, 0, PHI_LEN * sizeof *d);
    host_set_mode(h, &mode);
    net->input = b->X;
    net->truth = b->truth;
    net->train = 1;
    forward_network(net);
    backward_network(net);
    net->input = X;
    net->truth = y;
    for (int k = 0; k < PHI_LEN; k++) sum[k] += d[k] / net->batch;
    memset(d, 0, PHI_LEN * sizeof *d);
    return *net->cost / (float)net->batch;
}
