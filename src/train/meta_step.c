/* meta_step.c - see meta_step.h */
#include "train/meta_step.h"
#include "engine/mode.h"
#include "host/theta.h"
#include "train/session.h"
#include <math.h>
#include <stdlib.h>

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

/* One pass in this mode: minus phi's mean gradient is added to sum, times `times`. */
static float phi_gradient(network *net, const batch_t *b, const engine_mode *mode, double times,
                          double sum[PHI_LEN]) {
    host_net *h = host_of(net);
    double *d = host_phi_update(h);
    host_phi_update_clear(h);
    host_set_mode(h, mode);
    float loss = session_pass(net, b);
    engine_read(host_engine(h), d);
    for (int k = 0; k < PHI_LEN; k++) sum[k] += times * (d[k] / net->batch);
    host_phi_update_clear(h);
    return loss;
}

static float check_pass(network *net, const batch_t *b, uint64_t draw, int theta_grads,
                        double sum[PHI_LEN], double *accuracy) {
    engine_mode mode = mode_samples(1, host_seed_of(host_of(net)), draw);
    mode.keep = mode.perturb_batch = mode.phi_grads = 1; /* theta stands still, batch norm too */
    mode.theta_grads = theta_grads;
    float loss = phi_gradient(net, b, &mode, 1, sum);
    *accuracy = part_right(net, b);
    return loss;
}

float meta_phi_pass(network *net, const batch_t *b, uint64_t draw, double sum[PHI_LEN],
                    double *accuracy) {
    return check_pass(net, b, draw, 0, sum, accuracy);
}

meta_look *meta_look_new(const network *net, int horizon) {
    meta_look *k = calloc(1, sizeof *k);
    if (!k) return NULL;
    k->horizon = horizon;
    k->far = META_LOOK_PERCENT / 100.0;
    k->n = host_theta_len(net);
    float **theta[] = {&k->before, &k->after, &k->way, &k->from};
    for (size_t i = 0; i < sizeof theta / sizeof *theta; i++)
        *theta[i] = calloc(k->n + 1, sizeof(float));
    k->running = calloc(host_running_len(net) + 1, sizeof(float));
    if (k->before && k->after && k->way && k->from && k->running) return k;
    meta_look_free(k);
    return NULL;
}

void meta_look_free(meta_look *k) {
    if (!k) return;
    free(k->before);
    free(k->after);
    free(k->way);
    free(k->from);
    free(k->running);
    free(k);
}

void meta_look_begin(meta_look *k, const network *net) { host_theta_get(net, k->before); }

float meta_look_pass(meta_look *k, network *net, meta_batch train, meta_batch check,
                     double sum[PHI_LEN], double mixed[PHI_LEN], double *accuracy) {
    engine_mode mode = mode_training(1, host_seed_of(host_of(net)), train.draw);
    float loss = check_pass(net, check.b, check.draw, 1, sum, accuracy);
    double length = host_theta_way(net, k->way), reach = host_theta_reach(net, k->horizon);
    /* Nowhere to look, or too young; NaN: the loss says so. */
    if (!(length > 0) || *net->t <= META_LOOK_FROM) return loss;
    double e = k->far / length;
    mode.theta_grads = 0;
    mode.phi_grads = 1;
    host_theta_get(net, k->after);
    host_running_get(net, k->running);
    for (int side = 1; side >= -1; side -= 2) {
        for (size_t i = 0; i < k->n; i++)
            k->from[i] = (float)((double)k->before[i] + side * e * (double)k->way[i]);
        host_theta_set(net, k->from);
        /* It adds minus G. */
        (void)phi_gradient(net, train.b, &mode, -side * reach / (2 * e), mixed);
    }
    host_theta_set(net, k->after);
    host_running_set(net, k->running);
    return loss;
}
